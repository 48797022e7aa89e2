public import Linux

/// Python's `multiprocessing.Pool`: processes that are started once and given one task after the other.
///
/// What Python leaves hanging ends here: a worker that dies fails the task that it was in and is replaced, `terminate` ends
/// all that is outstanding, and an initializer that keeps failing breaks the pool.
public final class Pool: Resource {
  public enum Worker: Hashable, Sendable {
    /// Runs functions of modules, or of `source`. `executable`: nil is `python3`.
    case python(executable: String?, path: [String], source: String?)
    /// Runs a program for each task.
    case exec
    /// A program that speaks the protocol of `WorkerChannel` on descriptor 3.
    case command([String])
  }

  public struct Settings: Equatable, Sendable {
    public var processes: Int
    public var worker: Worker
    /// A function's name, and its arguments as a JSON array.
    public var initializer: String?
    public var initargs: String?
    /// How many tasks a worker does before it is replaced.
    public var maxTasksPerChild: Int?
    public var environment: [ProcessSpec.EnvironmentVariable] = []
    public var limits: [ProcessSpec.ResourceLimit] = []
    /// How many tasks a worker has at once at most.
    public var window = 16
    /// Seconds between the signal that ends a task whose time is up and SIGKILL.
    public var grace = 1.0

    public init(processes: Int, worker: Worker) {
      self.processes = processes
      self.worker = worker
    }
  }

  public enum State: String, CaseIterable, Sendable {
    case starting, running, closed, terminated, broken
  }

  public static let kind = Kind("Pool", "pools")
  public let identity: ResourceIdentity
  public let settings: Settings
  let commons: Commons
  let context: ProcessContext
  let codec: any WorkerCodec
  let monitor: Monitor<PoolState>
  let limits: PoolLimits

  static let joiners = Lane.each(0, .join)
  static let starters = Lane.each(1, .start)
  static let restarters = Lane.each(2, .restart)

  var alarms: Alarms { context.alarms }

  private init(
    _ identity: ResourceIdentity, _ settings: Settings, _ commons: Commons, _ context: ProcessContext,
    _ codec: any WorkerCodec
  ) {
    self.identity = identity
    self.settings = settings
    self.commons = commons
    self.context = context
    self.codec = codec
    limits = context.options.pools
    monitor = Monitor(PoolState(settings, codec, context.alarms, commons.poolCounts), lanes: 3, alarms: context.alarms)
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> Pool {
    guard let host = commons.host.withLock({ $0 }) else { throw CoreError(.draining, "the service is stopping") }
    guard settings.processes <= host.context.options.pools.workers else {
      throw CoreError(
        .invalid(pointer: "/processes"), "must be at most \(host.context.options.pools.workers)")
    }
    try host.context.cgroups.check(settings.limits)
    return Pool(identity, settings, commons, host.context, host.codec)
  }

  /// Starts the workers; `whenRunning` tells when they run.
  public func begin() throws(CoreError) {
    if context.isDraining.load(ordering: .acquiring) { throw CoreError(.draining, "the service is stopping") }
    decide { state, errands in
      if state.isExec {
        state.phase = .running
        state.hasRun = true
      }
      state.fill(&errands)
    }
  }

  /// Waits until all workers have run their initializer. The pool is deleted when that fails.
  public func whenRunning(
    until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: Self.starters, until: deadline,
      { state throws(CoreError) -> Void? in
        switch state.phase {
        case .starting: nil
        // One that never ran is deleted, and that ends this wait.
        case .broken(let error): if state.hasRun { throw error } else { nil }
        case .terminated: throw CoreError(.notRunning, "the pool was terminated before it ran")
        case .running, .closed: ()
        }
      }, orPark: completion)
  }

  public func end(_ error: CoreError) {
    decide { state, errands in
      switch state.phase {
      case .terminated, .broken: return
      case .starting, .running, .closed: break
      }
      state.end(.terminated, CoreError(.cancelled, "the pool was deleted"), &errands)
    }
    monitor.end(error)
    for job in monitor.read({ Array($0.jobs.values) }) { job.monitor.end(CoreError(.notFound, "the pool was deleted")) }
  }

  public var waiting: [Waiting] {
    let jobs = monitor.read { state in Array(state.active.values) + state.jobs.values.filter { !$0.book.isActive } }
    return monitor.waiting + jobs.flatMap(\.waiting)
  }
  public var waiterCount: Int {
    let jobs = monitor.read { state in Array(state.active.values) + state.jobs.values.filter { !$0.book.isActive } }
    return jobs.reduce(monitor.waiters) { $0 + $1.monitor.waiters }
  }

  /// Decides under the lock and does what was decided outside it.
  func decide<T, E: Error>(
    _ body: (inout PoolState, inout PoolErrands) throws(E) -> sending T
  ) throws(E) -> sending T {
    var errands = PoolErrands()
    defer { perform(errands) }
    return try monitor.change { state throws(E) in try body(&state, &errands) }
  }
}

/// How much pools may take.
public struct PoolLimits: Sendable {
  /// Of each pool: its workers, the tasks and bytes of its clients that wait in it, and its jobs.
  public var workers = 1024
  public var queuedTasks = 10_000_000
  public var queuedBytes = 1 << 30
  public var jobs = 100_000
  /// The longest result.
  public var resultBytes = 64 << 20
  /// Seconds that a job's result is kept, and that it is kept once it was read.
  public var resultSeconds = 3600.0
  public var readResultSeconds = 60.0

  public init() {}
}

/// What pools need of the service beyond what all resources do.
final class PoolHost: Sendable {
  let context: ProcessContext
  let codec: any WorkerCodec

  init(_ context: ProcessContext, _ codec: any WorkerCodec) {
    self.context = context
    self.codec = codec
  }
}
