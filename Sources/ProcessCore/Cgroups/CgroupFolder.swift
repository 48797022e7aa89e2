import Glibc
import Linux

/// The cgroup of a service in one hierarchy, below which are those of its processes, `1`, `2` and so on.
///
/// It is named `procession-INSTANCE`, and locked: the kernel lets go of the lock however the service ends, so that a later
/// one can tell what is left of the dead from what is in use, in another PID namespace too.
final class CgroupFolder: Sendable {
  /// The cgroup that it is in.
  let parent: String
  let path: String
  let isUnified: Bool
  private let lock: FileDescriptor
  private static let prefix = "procession-"

  private init(_ path: String, in parent: String, isUnified: Bool, lock: consuming FileDescriptor) {
    self.parent = parent
    self.path = path
    self.isUnified = isUnified
    self.lock = lock
  }

  /// Makes it in the cgroup whose folder is `parent`.
  static func make(_ instance: String, in parent: String, isUnified: Bool) throws(SystemError) -> CgroupFolder {
    let path = "\(parent)/\(prefix)\(instance)"
    while true {
      try CgroupFiles.make(path)
      // Somebody who found it before it was locked takes it for a dead one's, and removes it.
      guard let lock = open(path) else { continue }
      try system("flock \(path)") { flock(lock.raw, LOCK_EX) }
      if access(path, F_OK) == 0 { return CgroupFolder(path, in: parent, isUnified: isUnified, lock: lock) }
    }
  }

  /// The folder of a process's.
  func cgroup(_ number: Int) -> String { "\(path)/\(number)" }

  /// What can be done to those in it.
  var control: CgroupControl { CgroupControl(path, isUnified: isUnified) }

  /// Kills what is left in those of processes, and removes them.
  func clear() { Self.clear(path, isUnified: isUnified) }

  /// Removes it.
  func close() { CgroupFiles.remove(path) }

  /// Clears and removes those of this user's services that have died; returns how many there were.
  static func sweep(_ parent: String, isUnified: Bool) -> Int {
    CgroupFiles.names(in: parent).count { name in
      let path = "\(parent)/\(name)"
      guard isOurs(name, path), let lock = open(path), flock(lock.raw, LOCK_EX | LOCK_NB) == 0 else { return false }
      clear(path, isUnified: isUnified)
      return CgroupFiles.remove(path)
    }
  }

  private static func clear(_ path: String, isUnified: Bool) {
    let end = Deadline.after(seconds: 1)
    // A process of the service's is only in those with a number.
    let cgroups = CgroupFiles.names(in: path).filter { Int($0) != nil }.map { "\(path)/\($0)" }
    while !cgroups.allSatisfy({ CgroupFiles.remove($0) }), end > .now {
      for folder in cgroups { CgroupControl(folder, isUnified: isUnified).killAll() }
      usleep(1000)
    }
  }

  private static func open(_ path: String) -> FileDescriptor? {
    let fd = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    return fd == -1 ? nil : FileDescriptor(owning: fd)
  }

  private static func isOurs(_ name: String, _ path: String) -> Bool {
    var status = stat()
    let digits = name.dropFirst(prefix.count)
    let isNamedSo = name.hasPrefix(prefix) && digits.utf8.count == 16 && digits.allSatisfy(\.isHexDigit)
    return isNamedSo && lstat(path, &status) == 0 && status.st_uid == geteuid()
  }
}
