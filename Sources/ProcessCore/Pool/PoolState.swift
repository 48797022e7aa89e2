import DequeModule
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
  /// Tasks that came back before they were begun, before all others.
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
