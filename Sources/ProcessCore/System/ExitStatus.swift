internal import CLinux
import Glibc

/// How a process ended, and what it used.
public struct ExitStatus: Hashable, Sendable {
  public enum Ending: Hashable, Sendable {
    case exited(code: CInt)
    case signalled(CInt, coreDumped: Bool)
    /// It has ended, but someone else has reaped it, so that nobody knows how.
    case lost
  }

  public let ending: Ending
  public let usage: ResourceUsage

  public init(_ ending: Ending, usage: ResourceUsage = ResourceUsage()) {
    self.ending = ending
    self.usage = usage
  }

  public static let lost = ExitStatus(.lost)

  /// Python's: the exit code, or the negated signal. `nil` if it is lost.
  public var exitcode: CInt? {
    switch ending {
    case .exited(let code): code
    case .signalled(let signal, coreDumped: _): -signal
    case .lost: nil
    }
  }

  init(_ exit: clinux_exit) {
    let ending: Ending =
      exit.code == CInt(CLD_EXITED)
      ? .exited(code: exit.status) : .signalled(exit.status, coreDumped: exit.code == CInt(CLD_DUMPED))
    self.init(ending, usage: ResourceUsage(exit.usage))
  }
}

/// What a process and the children that it has reaped used: see getrusage(2).
public struct ResourceUsage: Hashable, Sendable {
  public var userSeconds = 0.0
  public var systemSeconds = 0.0
  /// The most memory that was resident. The kernel counts the moment before exec too, in which a child has the daemon's
  /// memory: it is never less than the daemon's own peak.
  public var maxResidentBytes: Int64 = 0
  public var minorFaults: Int64 = 0
  public var majorFaults: Int64 = 0
  public var voluntarySwitches: Int64 = 0
  public var involuntarySwitches: Int64 = 0
  public var blocksIn: Int64 = 0
  public var blocksOut: Int64 = 0

  public init() {}

  init(_ usage: rusage) {
    userSeconds = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
    systemSeconds = Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
    maxResidentBytes = Int64(usage.ru_maxrss) * 1024
    minorFaults = Int64(usage.ru_minflt)
    majorFaults = Int64(usage.ru_majflt)
    voluntarySwitches = Int64(usage.ru_nvcsw)
    involuntarySwitches = Int64(usage.ru_nivcsw)
    blocksIn = Int64(usage.ru_inblock)
    blocksOut = Int64(usage.ru_oublock)
  }
}
