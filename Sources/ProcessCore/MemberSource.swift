import CLinux
import Glibc
import Linux

/// A member of a tree that a `Stop` watches until it ends.
final class MemberSource: ReactorSource, @unchecked Sendable {
  // Sendable: nothing of it changes.
  let pid: CInt
  private let pidfd: Pidfd
  private let stop: Stop
  private let token: UInt64

  /// nil when the member is gone.
  init?(_ member: ProcessTree.Member, _ stop: Stop) throws(SystemError) {
    guard let pidfd = try ProcessTree.open(member) else { return nil }
    self.pidfd = pidfd
    pid = member.pid
    self.stop = stop
    token = stop.makeToken()
  }

  func signal(_ number: CInt) {
    _ = try? pidfd.signal(number)  // Gone already, or another user's: the watch, or the list of survivors, tells.
  }

  func watch(on reactor: Reactor) {
    do { try reactor.watch(pidfd.raw, for: EPOLLIN.rawValue, token: token, self) } catch { stop.lost(pid) }
  }

  func ready(_ events: UInt32, on reactor: Reactor) {
    forget(on: reactor)
    stop.lost(pid)
  }

  func forget(on reactor: Reactor) { reactor.unwatch(pidfd.raw, token: token) }
}
