import CLinux
import Glibc
public import Linux

/// A process by identity. Its number may be another's after its end; this never is.
public struct Pidfd: ~Copyable, Sendable {
  private let descriptor: FileDescriptor

  public init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Readable, for poll and epoll, from the moment the process has ended.
  public var raw: CInt { descriptor.raw }

  /// The process that has this number now, which the caller knows to be the one that is meant.
  public static func open(_ pid: CInt) throws(SystemError) -> Pidfd {
    Pidfd(owning: FileDescriptor(owning: try system("pidfd_open") { clinux_pidfd_open(pid) }))
  }

  /// With a value as sigqueue(3) does. False: it has been reaped, there is nothing to signal. A zombie takes a signal and ignores it.
  @discardableResult
  public func signal(_ number: CInt, value: CInt? = nil) throws(SystemError) -> Bool {
    do {
      try system("pidfd_send_signal") {
        if let value { clinux_pidfd_queue(raw, number, value) } else { clinux_pidfd_signal(raw, number) }
      }
      return true
    } catch {
      guard error.errno == ESRCH else { throw error }
      return false
    }
  }

  /// The status of our own child that has ended, whose pid is free after this; `nil` while it runs. It never waits.
  public func reap() -> ExitStatus? { wait(reap: true) }

  /// As `reap()`, but the child stays a zombie: until it is reaped its group can still be signalled safely.
  public func peek() -> ExitStatus? { wait(reap: false) }

  private func wait(reap: Bool) -> ExitStatus? {
    var exit = clinux_exit()
    do {
      try system("waitid") { clinux_pidfd_wait(raw, reap, &exit) }
      return exit.pid == 0 ? nil : ExitStatus(exit)
    } catch {
      precondition(error.errno == ECHILD, "\(error)")
      return .lost
    }
  }
}

/// Signals every process of a group; false if there is none.
///
/// Only while the group's leader is not reaped: after that the number may be a stranger's.
@discardableResult
public func killGroup(_ group: CInt, signal: CInt) throws(SystemError) -> Bool {
  precondition(group > 1, "group \(group) would be our own, or everybody")
  do {
    try system("kill") { kill(-group, signal) }
    return true
  } catch {
    guard error.errno == ESRCH else { throw error }
    return false
  }
}
