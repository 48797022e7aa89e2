import Glibc
import Linux

extension Process {
  /// The cgroup that its next run is in: that of the run before, whose descendants may be in it still, or a new one.
  func makeCgroup() throws(SpawnError) -> Cgroup? {
    if let known = life.read({ $0.cgroup }) { return known }
    return try context.cgroups.make(spec.limits)
  }

  /// Whether it was killed for want of memory, for all that its cgroup tells. To be asked when it has ended, before it is
  /// reaped.
  var hasRunOutOfMemory: Bool {
    let cgroup = life.read { life -> Cgroup? in
      guard let cgroup = life.cgroup, case .signalled(SIGKILL, _) = life.pidfd?.peek()?.ending else { return nil }
      return cgroup
    }
    return cgroup?.hasRunOutOfMemory ?? false
  }
}

extension ProcessContext {
  /// Removes a cgroup that no process will enter any more, when the last has left it.
  func retire(_ cgroup: Cgroup) { CgroupRemoval(cgroup, self).tryNow() }
}

/// Tries to remove a cgroup, ever less often.
private final class CgroupRemoval: Alarm, @unchecked Sendable {
  // Sendable: an attempt is done with `seconds` before it sets the alarm that brings the next one.
  private let cgroup: Cgroup
  private let context: ProcessContext
  private var seconds = 0.02

  init(_ cgroup: Cgroup, _ context: ProcessContext) {
    self.cgroup = cgroup
    self.context = context
  }

  override func ring() { tryNow() }

  func tryNow() {
    context.workers.submit { _ in
      if self.cgroup.remove() { return }
      let seconds = self.seconds
      self.seconds = min(seconds * 2, 5)
      self.context.alarms.set(self, at: .after(seconds: seconds))
    }
  }
}
