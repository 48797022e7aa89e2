import Glibc
import Linux
import ProcessCore

/// A folder in /dev/shm of a test's own, for a space, or several that may find one another.
final class SharedFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("/dev/shm/procession-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  func space(maxBytes: Int = 1 << 30) -> SharedSpace { SharedSpace(maxBytes: maxBytes, folder: path) }

  var names: [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The files that are no locks.
  var memories: [String] { names.filter { !$0.hasSuffix(".lock") } }
}
