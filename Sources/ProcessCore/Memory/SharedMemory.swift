import CLinux
import Glibc
public import Linux

/// POSIX shared memory: a file in /dev/shm that any program of the same user may map, and this one has mapped.
///
/// Every method may be called on any thread. Programs see one another's writes at once; a local program that attaches by
/// name must not let Python's resource tracker have it, which before 3.13 (`track=False`) unlinks what its process has
/// merely attached to (cpython#82300): it had better `mmap` the path. Memory that was unlinked stays usable here and by
/// all who have it, but nobody can open it by its name any more; see `isLinked`.
///
/// A program that truncates the file takes the memory away from everybody. Here all operations then throw `.truncated`.
public final class SharedMemory: @unchecked Sendable {
  // Sendable: nothing of it changes but the bytes behind the mapping, which the functions of CLinux alone touch.

  /// What `shm_open` (with a slash before it) and Python's `SharedMemory` call it.
  public let name: String
  public let byteCount: Int
  var mapping: OpaquePointer? { pages.mapping }
  private let space: SharedSpace
  private let pages: Pages
  private let identity: FileStatus.Identity

  /// By `SharedSpace` alone, which has reserved the bytes.
  init(name: String, byteCount: Int, in space: SharedSpace) throws(SystemError) {
    let path = "\(space.folder)/\(name)"
    let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let file = FileDescriptor(owning: try system("open") { Glibc.open(path, flags, 0o600) })
    do throws(SystemError) {
      guard let status = FileStatus(file.raw) else { throw SystemError("fstat", errno: errno) }
      identity = status.identity
      let mapping = try Self.map(file.raw, byteCount)
      pages = Pages(file: file.release(), mapping: mapping)
    } catch {
      Glibc.unlink(path)
      throw error
    }
    self.name = name
    self.byteCount = byteCount
    self.space = space
  }

  deinit {
    unlink()
    space.free(pages, byteCount)
  }

  /// What holds the bytes: the kernel frees them when the last program has let go of both.
  struct Pages: @unchecked Sendable {
    // Sendable: one thread frees them, when nobody uses them any more.
    let file: CInt
    let mapping: OpaquePointer?

    func free() {
      if let mapping { clinux_shared_unmap(mapping) }
      close(file)
    }
  }

  private static func map(_ fd: CInt, _ byteCount: Int) throws(SystemError) -> OpaquePointer? {
    if byteCount == 0 { return nil }
    try system("posix_fallocate") {
      errno = posix_fallocate(fd, 0, off_t(byteCount))
      return errno == 0 ? 0 : -1
    }
    guard let mapping = clinux_shared_map(fd, byteCount) else { throw SystemError("mmap", errno: errno) }
    return mapping
  }

  /// For reading, at offsets of one's own; open for as long as somebody holds this object.
  public var descriptor: CInt { pages.file }

  public var path: String { "\(space.folder)/\(name)" }

  /// Whether the file can still be found by its path.
  public var isLinked: Bool { FileStatus(path: path)?.identity == identity }

  /// Takes the name away; once is enough. Who has the memory keeps it.
  public func unlink() {
    if isLinked { Glibc.unlink(path) }
  }

  /// A descriptor of the file with an offset of its own, close-on-exec, for a response or a child. It can be used
  /// whether the file has a name or not.
  public func open(writable: Bool) throws(CoreError) -> FileDescriptor {
    let flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC
    do throws(SystemError) {
      return FileDescriptor(owning: try system("open") { Glibc.open("/proc/self/fd/\(pages.file)", flags) })
    } catch {
      throw .system(error)
    }
  }

  /// Throws when the file is shorter than it was made. That costs a system call.
  ///
  /// What a truncation leaves of the last page stays mapped, so that operations on single items do not notice when no
  /// whole page went: the bytes that were cut off are zeros to them, as if a program had written those.
  public func checkWhole() throws(CoreError) {
    guard let status = FileStatus(pages.file), status.size >= byteCount else {
      if let mapping { clinux_shared_lose(mapping) }
      throw Self.truncated
    }
  }

  static let truncated = CoreError(.truncated, "another program has truncated the memory; what was in it is lost")
}
