import Glibc

/// Which file it is, whatever its name, and what there is to know of it.
struct FileStatus {
  struct Identity: Hashable, Sendable {
    let device: dev_t
    let inode: ino_t
  }

  private let status: stat

  init?(_ fd: CInt) {
    var status = stat()
    guard fstat(fd, &status) == 0 else { return nil }
    self.status = status
  }

  /// A symbolic link is not followed.
  init?(path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.status = status
  }

  var identity: Identity { Identity(device: status.st_dev, inode: status.st_ino) }
  var size: Int { Int(status.st_size) }
  var isLinkedOnce: Bool { status.st_nlink == 1 }
  /// A file of this user's, under one name only.
  var isOurs: Bool { status.st_mode & S_IFMT == S_IFREG && status.st_uid == geteuid() && isLinkedOnce }
}
