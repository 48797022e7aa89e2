import Glibc
import Linux

/// A file whose lock says that the daemon which made it lives. The kernel lets go of it however the daemon ends.
///
/// It is a file of its own, so that programs may lock the memory's files for their own purposes. Its descriptor is given
/// to no child: one that had it would hold the lock.
struct InstanceLock: ~Copyable, Sendable {
  let path: String
  private let file: FileDescriptor

  private init(path: String, file: consuming FileDescriptor) {
    self.path = path
    self.file = file
  }

  /// Makes the file and locks it.
  static func make(_ path: String) throws(SystemError) -> InstanceLock {
    while true {
      let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
      let file = FileDescriptor(owning: try system("open") { open(path, flags, 0o600) })
      // Somebody who found it before it was locked holds the lock now, and removes the file.
      try system("flock") { flock(file.raw, LOCK_EX) }
      if FileStatus(file.raw)?.isLinkedOnce == true { return InstanceLock(path: path, file: file) }
    }
  }

  /// The lock of a daemon that is dead; nil when it lives, or the file is not ours to touch, or no longer there.
  static func take(_ path: String) -> InstanceLock? {
    let fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    let file = FileDescriptor(owning: fd)
    guard flock(fd, LOCK_EX | LOCK_NB) == 0 else { return nil }
    // Looked at under the lock: another may have removed it since it was opened.
    guard let status = FileStatus(fd), status.isOurs, FileStatus(path: path)?.identity == status.identity else {
      return nil
    }
    return InstanceLock(path: path, file: file)
  }

  /// Ends the instance. Its files must be gone: without this one nobody can tell whose they are.
  consuming func remove() { unlink(path) }
}
