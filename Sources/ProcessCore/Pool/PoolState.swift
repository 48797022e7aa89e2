import DequeModule
import Glibc
import Linux

/// What was decided under a pool's lock, to be done once it is released.
struct PoolErrands {
  var flushes: [PoolWorker] = []
  /// How many workers to start, of which round.
  var starts = 0
  var round = 0
  var runs: [PoolTask] = []
  var runsToStop: [ExecRun] = []
  var stops: [(worker: PoolWorker, signal: CInt, grace: Double)] = []
  /// Tasks whose time begins.
  var begun: [(task: PoolTask, worker: PoolWorker)] = []
  /// Tasks to be tried again after so many seconds.
  var retries: [(task: UInt64, seconds: Double)] = []
  /// Seconds until workers are started again.
  var pause: Double?
  var ended: [(job: Job, error: CoreError)] = []
  /// The pool never ran: it is to be deleted for this reason.
  var stillborn: CoreError?
  var isBroken: CoreError?
}

/// The state of a pool, under the lock of its monitor. It decides; `Pool` acts.
struct PoolState {
  enum Phase {
    case starting, running, closed, terminated
    case broken(CoreError)
  }

  let settings: Pool.Settings
  let codec: any WorkerCodec
  let alarms: Alarms
  let counts: PoolCounts

  var phase = Phase.starting
  var hasRun = false
  /// How many workers there are to be.
  var target: Int
  /// How many workers are being made and are not among `workers` yet.
  var unborn = 0
  var workers: [PoolWorker] = []
  /// Those that have nothing to do; the last to become so is taken first, since its memory is warm.
  var idle: [PoolWorker] = []
  var runs: [ObjectIdentifier: ExecRun] = [:]
  var reservedRuns = 0

  /// Jobs that have tasks to hand out, in turn.
  var queue: Deque<Job> = []
  /// Tasks that came back, before all others.
  var returned: Deque<PoolTask> = []
  /// Tasks that wait for another try.
  var delayed: [UInt64: PoolTask] = [:]
  var active: [ObjectIdentifier: Job] = [:]
  var jobs: [Int: Job] = [:]
  var lastJob = 0
  var lastTask: UInt64 = 0
  var lastWorker = 0
  var queuedTasks = 0
  var queuedBytes = 0
  var done = 0
  var lost = 0

  /// Starts that failed one after the other.
  var failures = 0
  var round = 0
  var isPaused = false
  /// Workers that are to be replaced, one after the other; the one whose replacement is on its way.
  var outdated: Deque<PoolWorker> = []
  var replaced: PoolWorker?

  init(_ settings: Pool.Settings, _ codec: any WorkerCodec, _ alarms: Alarms, _ counts: PoolCounts) {
    self.settings = settings
    self.codec = codec
    self.alarms = alarms
    self.counts = counts
    target = settings.processes
  }

  var isExec: Bool { settings.worker == .exec }

  var isOver: Bool { workers.isEmpty && unborn == 0 && runs.isEmpty && reservedRuns == 0 }

  /// Whether new workers are of use.
  var isStaffed: Bool {
    switch phase {
    case .starting, .running: true
    case .closed: !active.isEmpty
    case .terminated, .broken: false
    }
  }

  func checkRunning() throws(CoreError) {
    switch phase {
    case .starting, .running: return
    case .closed, .terminated: throw CoreError(.notRunning, "the pool is not running")
    case .broken(let error): throw error
    }
  }
}

// MARK: Handing out

extension PoolState {
  /// Gives what is queued to those who can take it.
  mutating func dispatch(_ errands: inout PoolErrands) {
    guard isStaffed else { return }
    if isExec {
      while runs.count + reservedRuns < target, let task = next() {
        reservedRuns += 1
        task.attempts += 1
        errands.runs.append(task)
      }
      return
    }
    while let worker = idle.last, let task = next() {
      idle.removeLast()
      give(task, to: worker, &errands)
    }
  }

  /// More for a worker that has just answered: the next task of what it does, when those are so short that it would wait
  /// for us in between.
  mutating func refill(_ worker: PoolWorker, _ errands: inout PoolErrands) {
    guard worker.phase == .ready else { return }
    if worker.tasks.isEmpty {
      guard let task = next() else { return idle.append(worker) }
      give(task, to: worker, &errands)
    }
    while worker.phase == .ready, let last = worker.tasks.last, worker.tasks.count < window(last.job),
      returned.isEmpty, queue.first === last.job, let task = next()
    {
      give(task, to: worker, &errands)
    }
  }

  /// How many tasks of a job a worker may have at once: so many that they last for a few milliseconds, and fewer towards
  /// the end, that all workers end together. Behind a long task nothing waits while another worker could do it.
  private func window(_ job: Job) -> Int {
    guard let duration = job.book.duration, duration < Self.short else { return 1 }
    let lasting = Int(min(Self.short / max(duration, 1), UInt64(settings.window)))
    return max(1, min(lasting, job.book.work.count / (2 * max(workers.count, 1)) + 1))
  }

  private static let short: UInt64 = 2_000_000

  private mutating func next() -> PoolTask? {
    while let task = returned.popFirst() {
      queuedTasks -= 1
      if task.job.book.isActive { return task }
    }
    while let job = queue.popFirst() {
      lastTask += 1
      guard job.book.isActive, job.book.room?.isFull != true, let task = job.book.work.next(lastTask, of: job) else {
        continue
      }
      job.book.room?.handOut(task.items.count)
      job.book.room?.hold(job.book.work.heldBytes)
      queuedTasks -= 1
      // Jobs take turns, so that a long one does not keep a short one waiting.
      if !job.book.work.isEmpty { queue.append(job) }
      return task
    }
    return nil
  }

  private mutating func give(_ task: PoolTask, to worker: PoolWorker, _ errands: inout PoolErrands) {
    task.attempts += 1
    worker.given += 1
    worker.tasks.append(task)
    worker.channel.queue(Frame(head: codec.task(task.id, task.job.call, items: task.items), body: task.body))
    if worker.tasks.count == 1 { begin(task, worker, &errands) }
    if worker.given == settings.maxTasksPerChild { leave(worker, &errands) }
    if errands.flushes.last !== worker { errands.flushes.append(worker) }
  }

  /// The worker is in the task from now on.
  private func begin(_ task: PoolTask, _ worker: PoolWorker, _ errands: inout PoolErrands) {
    task.begunAt = .now
    if task.job.call.timeout != nil { errands.begun.append((task, worker)) }
  }

  /// Lets a worker finish what it has and exit; another is started beforehand.
  mutating func leave(_ worker: PoolWorker, _ errands: inout PoolErrands) {
    guard worker.phase == .ready else { return }
    worker.phase = .leaving
    idle.removeAll { $0 === worker }
    worker.channel.queue(Frame(head: codec.exit))
    errands.flushes.append(worker)
    fill(&errands)
  }
}

// MARK: Answers

extension PoolState {
  /// A task is off a worker's hands. nil: it had no such task.
  mutating func answered(_ id: UInt64, by worker: PoolWorker, _ errands: inout PoolErrands) -> PoolTask? {
    guard let index = worker.tasks.firstIndex(where: { $0.id == id }) else { return nil }
    let task = worker.tasks.remove(at: index)
    worker.done += 1
    ended(task)
    if let next = worker.tasks.first, index == 0 { begin(next, worker, &errands) }
    return task
  }

  /// A task runs no longer.
  func ended(_ task: PoolTask) {
    if let alarm = task.alarm.take() { alarms.unset(alarm) }
    guard let begunAt = task.begunAt else { return }
    let taken = Deadline.now.nanoseconds - begunAt.nanoseconds
    task.job.book.duration = task.job.book.duration.map { ($0 * 7 + taken) / 8 } ?? taken
  }

  /// Whether a task that failed is tried again.
  mutating func retry(_ task: PoolTask, _ errands: inout PoolErrands) -> Bool {
    let job = task.job
    guard job.book.isActive, !task.isCancelled, task.attempts <= job.call.retries, isStaffed else { return false }
    task.begunAt = nil
    task.hasTimedOut = false
    queuedTasks += 1
    guard job.call.backoff > 0 else {
      returned.append(task)
      return true
    }
    delayed[task.id] = task
    errands.retries.append((task.id, job.call.backoff * Double(1 << min(task.attempts - 1, 20))))
    return true
  }

  /// A task has an outcome. True when its job is over with that.
  mutating func settle(_ task: PoolTask, isError: Bool) -> Bool {
    let book = task.job.book
    done += 1
    counts.addDone()
    guard book.isActive else { return false }
    book.left -= 1
    guard (book.left == 0 && !book.isOpen) || (isError && task.job.call.stopsOnError) else { return false }
    drop(task.job)
    return true
  }

  /// The job is over: what is queued of it is not handed out any more.
  mutating func drop(_ job: Job) {
    guard job.book.isActive else { return }
    job.book.isActive = false
    active[ObjectIdentifier(job)] = nil
    queuedTasks -= job.book.work.count
    queuedBytes -= job.book.bytes
    job.book.work = Work.nothing
  }

  mutating func add(_ job: Job) {
    active[ObjectIdentifier(job)] = job
    queuedTasks += job.book.left
    queuedBytes += job.book.bytes
    queue.append(job)
  }
}

// MARK: Workers

extension PoolState {
  /// Starts as many workers as are missing.
  mutating func fill(_ errands: inout PoolErrands) {
    guard isStaffed, !isExec, !isPaused else { return }
    let there = unborn + workers.count { !$0.isRetired && ($0.phase == .starting || $0.phase == .ready) }
    let wanted = target + (replaced == nil ? 0 : 1)
    if there < wanted {
      errands.starts += wanted - there
      errands.round = round
      unborn += wanted - there
    }
  }

  /// Lets go of those that are too many.
  mutating func shrink(_ errands: inout PoolErrands) {
    let there = workers.filter { $0.phase == .ready }
    // The idle first.
    let surplus = there.count - target
    guard surplus > 0 else { return }
    for worker in there.sorted(by: { $0.tasks.count < $1.tasks.count }).prefix(surplus) { leave(worker, &errands) }
  }

  mutating func isReady(_ worker: PoolWorker, _ errands: inout PoolErrands) {
    guard worker.phase == .starting else { return }
    worker.phase = .ready
    failures = 0
    if case .starting = phase, workers.count(where: { $0.phase == .ready }) >= target {
      phase = .running
      hasRun = true
    }
    if replaced !== worker, let old = replaced.take() {
      old.isRetired = true
      leave(old, &errands)
      replaceNext(&errands)
    }
    if isStaffed, !worker.isRetired {
      refill(worker, &errands)
      if workers.count(where: { $0.phase == .ready }) > target { shrink(&errands) }
    } else {
      leave(worker, &errands)
    }
  }

  mutating func replaceNext(_ errands: inout PoolErrands) {
    guard replaced == nil else { return }
    while let worker = outdated.popFirst() {
      guard worker.phase == .ready || worker.phase == .starting else { continue }
      replaced = worker
      break
    }
    fill(&errands)
  }

  /// A start failed: it is tried again a little later, a few times.
  mutating func startFailed(_ error: CoreError, round failed: Int, _ errands: inout PoolErrands) {
    guard isStaffed, failed == round else { return fill(&errands) }
    failures += 1
    round += 1
    if error.isFinal, case .starting = phase {
      errands.stillborn = error
      end(.broken(error), error, &errands)
      return
    }
    if failures >= Self.patience {
      let why = CoreError(breaking: error)
      if case .starting = phase { errands.stillborn = why }
      errands.isBroken = why
      end(.broken(why), why, &errands)
      return
    }
    isPaused = true
    errands.pause = 0.1 * Double(1 << (failures - 1))
  }

  static let patience = 3

  /// All that is outstanding fails and all workers go.
  mutating func end(_ phase: Phase, _ error: CoreError, _ errands: inout PoolErrands) {
    self.phase = phase
    for job in active.values {
      errands.ended.append((job, error))
      drop(job)
    }
    queue = []
    returned = []
    delayed = [:]
    outdated = []
    replaced = nil
    idle = []
    for worker in workers where worker.phase != .stopping {
      worker.phase = .stopping
      for task in worker.tasks { ended(task) }
      errands.stops.append((worker, SIGTERM, 1))
    }
  }

  /// After `close`: when the last job is over the workers go.
  mutating func finish(_ errands: inout PoolErrands) {
    guard case .closed = phase, active.isEmpty else { return }
    for worker in workers where worker.phase == .ready { leave(worker, &errands) }
  }
}
