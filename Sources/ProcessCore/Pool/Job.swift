import DequeModule
public import Linux

/// One submission to a pool, and what comes of it; Python's `AsyncResult`. May be used from any thread.
public final class Job: Sendable {
  /// nil: its submitter waits for it, and nobody else finds it.
  public let id: Int?
  public let call: Call
  public let submittedAt = WallTime.now
  let pool: Pool
  let monitor: Monitor<JobState>
  let book: JobBook

  static let getters = Lane.each(0, .get)
  private static let waiters = Lane.each(1, .wait)
  private static let followers = Lane.each(2, .watch)

  init(_ id: Int?, _ call: Call, in pool: Pool, total: Int?, _ results: JobState.Results, _ book: JobBook) {
    self.id = id
    self.call = call
    self.pool = pool
    self.book = book
    monitor = Monitor(JobState(total: total, results, call.arrays), lanes: 5, alarms: pool.alarms)
  }

  /// Waits for the result; Python's `get`. The error that ended the job is thrown each time.
  public func get(
    until deadline: Deadline?, orPark completion: () -> Completion<JobResult>
  ) throws(CoreError) -> Attempted<JobResult> {
    try monitor.attempt(
      in: Self.getters, until: deadline,
      { state throws(CoreError) -> JobResult? in
        if case .stream = state.results { throw CoreError(.wrongEnd, "the results of this job are streamed") }
        guard state.isOver else { return nil }
        if let error = state.error { throw error }
        return state.result
      }, orPark: completion)
  }

  /// Waits until it is over, whatever came of it; Python's `wait`.
  public func wait(
    until deadline: Deadline?, orPark completion: () -> Completion<JobProgress>
  ) throws(CoreError) -> Attempted<JobProgress> {
    try monitor.attempt(
      in: Self.waiters, until: deadline, { state throws(CoreError) in state.isOver ? state.progress : nil },
      orPark: completion)
  }

  /// Waits until it is over.
  public func whenReady(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: Self.waiters, until: deadline, for: session, { state throws(CoreError) in state.isOver ? () : nil },
      orPark: completion)
  }

  /// Waits for progress after what has the number `version`.
  public func follow(
    after version: Int, until deadline: Deadline?,
    orPark completion: () -> Completion<(progress: JobProgress, version: Int)>
  ) throws(CoreError) -> Attempted<(progress: JobProgress, version: Int)> {
    try monitor.attempt(
      in: Self.followers, until: deadline,
      { state throws(CoreError) in state.version > version ? (progress: state.progress, version: state.version) : nil },
      orPark: completion)
  }

  public var progress: JobProgress { monitor.read { $0.progress } }

  /// The error that ended it, if one did.
  public var error: CoreError? { monitor.read { $0.error } }

  /// Ends it: what is queued is dropped, what runs is asked to stop, and whoever waits is told `Cancelled`. False when it
  /// was over.
  @discardableResult
  public func cancel() -> Bool { pool.cancel(self) }

  /// As `cancel`, for this reason.
  public func cancel(because detail: String) { _ = pool.cancel(self, CoreError(.cancelled, detail)) }

  var waiting: [Waiting] { monitor.waiting }
}

/// What the pool knows of a job, under the pool's lock.
final class JobBook: @unchecked Sendable {
  // Sendable: touched under the pool's lock alone.
  /// Tasks that are neither handed out nor made yet.
  var work: Work
  /// Tasks that failed and are to be tried again, before more is handed out.
  var again: Deque<PoolTask> = []
  /// Whether it has its place in the pool's queue.
  var isQueued = false
  /// Tasks that are not finished, those that are still to be made included.
  var left: Int
  /// Bytes of the client's that it holds.
  let bytes: Int
  /// Whether more items may be handed in.
  var isOpen: Bool
  /// Where results are streamed: how many items may be handed out before some of their results are fetched.
  let room: StreamRoom?
  var isActive = true
  /// How long its tasks take, in nanoseconds: a mean in which the last ones count most.
  var duration: UInt64?

  var hasWork: Bool { !again.isEmpty || !work.isEmpty }

  init(_ work: Work, bytes: Int, isOpen: Bool, room: StreamRoom?) {
    self.work = work
    left = work.count
    self.bytes = bytes
    self.isOpen = isOpen
    self.room = room
  }
}

/// Forgets a job whose result nobody fetched.
final class JobExpiry: Alarm, @unchecked Sendable {
  // Sendable: its field never changes.
  private let job: Job

  init(_ job: Job) { self.job = job }

  override func ring() { job.pool.forget(job) }
}
