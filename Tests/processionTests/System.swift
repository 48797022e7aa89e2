import CLinux
import Glibc
import Linux

/// A pipe whose ends are closed with it.
final class Pipe {
  let read: Descriptor
  let write: Descriptor

  init() throws {
    var ends: [CInt] = [-1, -1]
    try system("pipe2") { clinux_pipe(&ends) }
    read = Descriptor(ends[0])
    write = Descriptor(ends[1])
  }
}

final class Descriptor {
  private(set) var raw: CInt

  init(_ raw: CInt) { self.raw = raw }

  deinit { close() }

  func close() {
    if raw >= 0 { Glibc.close(raw) }
    raw = -1
  }

  /// What comes until the end of the file, or until `enough`.
  func text(until enough: (String) -> Bool = { _ in false }) throws -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = try system("read") { Glibc.read(raw, &buffer, buffer.count) }
      bytes += buffer[..<count]
      let text = String(decoding: bytes, as: UTF8.self)
      if count == 0 || enough(text) { return text }
    }
  }
}

/// Starts a program with /dev/null as its stdin, and with `descriptors` and no others of ours.
func spawn(
  _ command: [String], environment: [String] = [], descriptors: [(source: CInt, target: CInt)] = []
) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  for pair in descriptors { posix_spawn_file_actions_adddup2(&actions, pair.source, pair.target) }
  var arguments = command.map { strdup($0) } + [nil]
  var variables = environment.map { strdup($0) } + [nil]
  defer { for text in arguments + variables { free(text) } }
  var pid = pid_t()
  let code = posix_spawn(&pid, command[0], &actions, nil, &arguments, &variables)
  guard code == 0 else { throw SystemError("posix_spawn", errno: code) }
  return pid
}

/// Runs a program to its end; `text` is what it wrote to both its outputs.
func run(_ command: [String], environment: [String] = []) throws -> (code: CInt, text: String) {
  let output = try Pipe()
  let descriptors = [(source: output.write.raw, target: CInt(1)), (source: output.write.raw, target: CInt(2))]
  let pid = try spawn(command, environment: environment, descriptors: descriptors)
  output.write.close()
  let text = try output.read.text()
  var status: CInt = 0
  try system("waitpid") { waitpid(pid, &status, 0) }
  return (status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f), text)
}

func makeTemporaryFolder() throws -> String {
  var path = Array("/tmp/procession-daemon-XXXXXX".utf8CString)
  guard mkdtemp(&path) != nil else { throw SystemError("mkdtemp", errno: errno) }
  return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Of a folder with files in it, no folders.
func removeFolder(_ path: String) {
  for name in names(in: path) { unlink("\(path)/\(name)") }
  rmdir(path)
}

func names(in path: String) -> [String] {
  guard let folder = opendir(path) else { return [] }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if name != ".", name != ".." { names.append(name) }
  }
  return names
}

/// A file's text; empty when it cannot be read.
func contents(of path: String) -> String {
  let fd = Descriptor(open(path, O_RDONLY | O_CLOEXEC))
  guard fd.raw >= 0 else { return "" }
  return (try? fd.text()) ?? ""
}

func write(_ text: String, to path: String, mode: mode_t = 0o600) {
  unlink(path)
  let fd = Descriptor(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode))
  fchmod(fd.raw, mode)
  var text = text
  text.withUTF8 { _ = Glibc.write(fd.raw, $0.baseAddress, $0.count) }
}

/// The permission bits of a file.
func mode(of path: String) -> mode_t {
  var status = stat()
  return lstat(path, &status) == 0 ? status.st_mode & 0o777 : 0
}

/// Looks until the condition holds, at most `seconds`.
func eventually(within seconds: Double = 30, _ holds: () throws -> Bool) rethrows -> Bool {
  let deadline = Deadline.after(seconds: seconds)
  while try !holds() {
    if deadline.secondsLeft == 0 { return false }
    usleep(5000)
  }
  return true
}
