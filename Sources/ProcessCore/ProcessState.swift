public import Linux

/// The states of a process that clients see.
public enum ProcessState: String, CaseIterable, Sendable {
  /// Made, and not started yet.
  case created
  case running
  /// Ended because `stop`, `terminate` or `kill` asked for it.
  case stopped
  /// Ended by itself, by a signal of somebody's, or by its timeout.
  case exited
}

/// How a process ended. Kept until the process is deleted.
public struct ProcessExit: Sendable {
  public enum Reason: String, CaseIterable, Sendable {
    case exited, signalled, timeout, oom, stopped, lost
    case spawnFailed = "spawn_failed"
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

  /// Python's `is_alive()`.
  public var isAlive: Bool { state == .running }
}

/// The life of a process, under the lock of its monitor.
struct Life: ~Copyable {
  enum Phase {
    case created, starting, running, ended
  }

  var phase = Phase.created
  var pid: CInt?
  /// Open exactly while the child is not reaped: whoever holds the lock and finds it may signal through it.
  var pidfd: Pidfd?
  var startedAt: WallTime?
  var exit: ProcessExit?
  /// Why the end is coming, when somebody asked for it.
  var askedFor: ProcessExit.Reason?
  /// Set in the child's environment at each start, so that its descendants can be told from strangers.
  var marker = ""
  /// Set while the process runs: the client's alarm, and the one that ends it when its time is up.
  var clock: SignalClock?
  var timeout: TimeoutAlarm?

  var snapshot: ProcessSnapshot {
    let state: ProcessState =
      switch phase {
      case .created, .starting: .created
      case .running: .running
      case .ended: exit?.reason == .stopped ? .stopped : .exited
      }
    return ProcessSnapshot(state: state, pid: pid, startedAt: startedAt, exit: exit)
  }
}
