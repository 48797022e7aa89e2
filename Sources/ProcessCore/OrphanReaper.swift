import CLinux
import Glibc
import Linux

/// Reaps the children that this process did not start: those whose parents died before them, when it is PID 1 or a
/// subreaper. Its own children are left to their pidfds, however briefly they live.
public final class OrphanReaper: Sendable {
  private struct State {
    var own: Set<CInt> = []
    var isEnabled = false
  }

  private let state = Mutex(State())
  private let starting: [AnnouncedPid]

  /// `starting`: where the kernel notes the pids of children that are being started, before they can possibly end.
  init(starting: [AnnouncedPid]) { self.starting = starting }

  func own(_ pid: CInt) { state.withLock { state in _ = state.own.insert(pid) } }
  func disown(_ pid: CInt) { state.withLock { state in _ = state.own.remove(pid) } }

  /// Adopts orphaned descendants from now on.
  func enable() {
    clinux_become_subreaper()
    state.withLock { $0.isEnabled = true }
  }

  /// Reaps what has ended. It stops at a child of our own, whose pidfd is about to tell of it and calls again.
  func reap() {
    guard state.withLock({ $0.isEnabled }) else { return }
    while true {
      let pid = clinux_ended_child()
      guard pid > 0, !isOwn(pid) else { return }
      waitpid(pid, nil, WNOHANG)
    }
  }

  private func isOwn(_ pid: CInt) -> Bool {
    // In this order: a pid ceases to be announced only after it has become our own.
    starting.contains { $0.load() == pid } || state.withLock { $0.own.contains(pid) }
  }
}
