public import Linux

/// The states of a process that clients see.
public enum ProcessState: String, CaseIterable, Sendable {
  /// Made, and not started yet.
  case created
  case running
  /// Ended, and about to be started again.
  case backoff
  /// Ended because `stop`, `terminate` or `kill` asked for it.
  case stopped
  /// Ended by itself, by a signal of somebody's, or by its timeout.
  case exited
  /// Given up: it was started again too often, or cannot be started.
  case fatal
}

/// How a process ended. Kept until the process is deleted.
public struct ProcessExit: Sendable {
  public enum Reason: String, CaseIterable, Sendable {
    case exited, signalled, timeout, oom, stopped, lost
    case spawnFailed = "spawn_failed"
    /// What it was to be started after has ended otherwise than it should.
    case dependencyFailed = "dependency_failed"
  }

  public let status: ExitStatus
  public let reason: Reason
  public let at: WallTime
}

/// A process as it was at one moment.
public struct ProcessSnapshot: Sendable {
  public let state: ProcessState
  public let pid: CInt?
  public let startedAt: WallTime?
  public let exit: ProcessExit?
  /// Its session while it runs.
  public let session: Name?
  /// How often its program was started.
  public let starts: Int
  /// Whether it runs and is of use by now.
  public let isReady: Bool
  /// When it will be started again; set while it is in back-off.
  public let nextStartAt: WallTime?
  /// What its terminal was resized to.
  public let size: TerminalSize?

  /// Whether it has ended for good.
  public var hasEnded: Bool { [.stopped, .exited, .fatal].contains(state) }

  /// Python's `is_alive()`.
  public var isAlive: Bool { state == .running }
}

/// The life of a process, under the lock of its monitor.
struct Life: ~Copyable {
  enum Phase {
    /// `waiting`: to be started when its dependencies are there. `backoff`: to be started again when its alarm rings.
    case created, waiting, starting, running, backoff, ended
  }

  var phase = Phase.created
  var pid: CInt?
  /// Open exactly while the child is not reaped: whoever holds the lock and finds it may signal through it.
  var pidfd: Pidfd?
  var startedAt: WallTime?
  /// As `startedAt`, to reckon with.
  var began = Deadline.distantFuture
  /// Of the last run that has ended; none while it runs.
  var exit: ProcessExit?
  /// Why the end of this run is coming, when somebody asked for it.
  var askedFor: ProcessExit.Reason?
  /// Somebody asked for its end, so that it is not started again.
  var isStopping = false
  /// What somebody wanted to end it by while it was being started.
  var pendingSignal: CInt?
  /// What it has come to, once it has ended for good.
  var outcome = ProcessState.exited
  var starts = 0
  var isReady = false
  /// Set while it runs and is not ready.
  var probe: (any ReadinessProbe)?
  var retries = Retries()
  /// Set during back-off.
  var restart: RestartAlarm?
  var nextStartAt: WallTime?
  /// The session that owns what the process acquires, and ends with it.
  var session: Name?
  /// Set in the child's environment, the same at each start, so that its descendants can be told from strangers.
  var marker = ""
  /// The child's side of its terminal while the process runs, and the terminal's size since somebody changed it.
  var line: FileDescriptor?
  var size: TerminalSize?
  /// From its first start to its end for good, where it has one.
  var cgroup: Cgroup?
  /// Set while the process runs: the client's alarm, and the one that ends it when its time is up.
  var clock: SignalClock?
  var timeout: TimeoutAlarm?

  var snapshot: ProcessSnapshot {
    let state: ProcessState =
      switch phase {
      case .created, .waiting: .created
      case .starting: starts == 0 ? .created : .backoff
      case .running: .running
      case .backoff: .backoff
      case .ended: outcome
      }
    return ProcessSnapshot(
      state: state, pid: pid, startedAt: startedAt, exit: exit, session: exit == nil ? session : nil, starts: starts,
      isReady: isReady, nextStartAt: nextStartAt, size: size)
  }
}
