import Glibc
import Linux

/// What can be done to all members of one cgroup, and of those below it, at once.
struct CgroupControl: Sendable {
  let folder: String
  let isUnified: Bool
  private let freezer: String

  init(_ folder: String, isUnified: Bool) {
    self.folder = folder
    self.isUnified = isUnified
    freezer = isUnified ? "\(folder)/cgroup.freeze" : "\(folder)/freezer.state"
  }

  /// Whether members can be held still: not in a hierarchy of version 1 without that controller, nor before Linux 5.2.
  var canFreeze: Bool { access(freezer, W_OK) == 0 }
  /// Whether one call kills all, those that are being forked included: version 2 since Linux 5.14.
  var canKill: Bool { isUnified && access("\(folder)/cgroup.kill", W_OK) == 0 }

  var members: [CInt] { CgroupFiles.members(of: folder) }

  /// Begins to hold all still that are in it, and those that come. False when there is no freezer.
  func freeze() -> Bool { (try? CgroupFiles.write(isUnified ? "1" : "FROZEN", to: freezer)) != nil }

  /// Returns when all that are in it are held still: in a moment, but for those that sleep in the kernel, which are not waited
  /// for for longer than a quarter of a second.
  func awaitFrozen() {
    let end = Deadline.after(seconds: 0.25)
    while !isFrozen, end > .now { usleep(200) }
  }

  /// Lets them go on; signals that came meanwhile reach them now.
  func thaw() { _ = try? CgroupFiles.write(isUnified ? "0" : "THAWED", to: freezer) }

  var isFrozen: Bool {
    isUnified
      ? CgroupFiles.number("frozen", in: "\(folder)/cgroup.events") == 1
      : CgroupFiles.words(freezer) == ["FROZEN"]
  }

  /// SIGKILL to all members. Where there is no call for it they are held still meanwhile, so that none forks away; without a
  /// freezer some may, and it is to be called again.
  func killAll() {
    if (try? CgroupFiles.write("1", to: "\(folder)/cgroup.kill")) != nil { return thaw() }
    if freeze() { awaitFrozen() }
    let opened = members.compactMap(Opened.init)
    // Looked up after the opening: a number that is still a member's now was one then.
    let living = Set(members)
    for one in opened where living.contains(one.pid) { _ = try? one.pidfd.signal(SIGKILL) }
    thaw()
  }
}

/// An array cannot hold a `Pidfd` by itself.
private final class Opened {
  let pid: CInt
  let pidfd: Pidfd

  init?(_ pid: CInt) {
    do { pidfd = try Pidfd.open(pid) } catch { return nil }  // Gone meanwhile.
    self.pid = pid
  }
}
