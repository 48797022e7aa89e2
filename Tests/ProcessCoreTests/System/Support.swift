import CLinux
import Glibc
import Linux
import ProcessCore

/// Runs a command to its end: its status, and what it wrote to standard output.
func run(_ request: SpawnRequest) throws -> (status: ExitStatus, output: String) {
  var ends: [CInt] = [0, 0]
  try system("pipe2") { clinux_pipe(&ends) }
  let reading = FileDescriptor(owning: ends[0])
  let writing = FileDescriptor(owning: ends[1])
  var request = request
  request.descriptors.append((writing.raw, 1))
  request.diesWithSpawner = false  // A test's thread may end before its child.
  var spawner = try Spawner()
  let child = try spawner.spawn(request)
  _ = consume writing
  let output = readAll(reading.raw)
  return (end(of: child.pidfd), output)
}

func run(_ command: String..., environment: [(name: String, value: String)] = []) throws -> (
  status: ExitStatus, output: String
) {
  var request = SpawnRequest(command: command)
  request.environment = environment
  return try run(request)
}

/// The output of a script of /bin/sh.
func shell(_ script: String, _ change: (inout SpawnRequest) -> Void = { _ in }) throws -> String {
  var request = SpawnRequest(command: ["/bin/sh", "-c", script])
  request.environment = [("PATH", "/usr/bin:/bin")]
  change(&request)
  return try run(request).output
}

/// Waits for a child's end and reaps it.
func end(of pidfd: borrowing Pidfd) -> ExitStatus {
  while true {
    var poll = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
    Glibc.poll(&poll, 1, -1)
    if let status = pidfd.reap() { return status }
  }
}

func readAll(_ fd: CInt) -> String {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = read(fd, &chunk, chunk.count)
    if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
    bytes += chunk[..<count]
  }
}

func contents(of path: String) -> String? {
  let fd = open(path, O_RDONLY | O_CLOEXEC)
  if fd == -1 { return nil }
  defer { close(fd) }
  return readAll(fd)
}

/// A new directory for files of a test's own.
func temporaryDirectory() throws -> String {
  var template = Array("/tmp/procession-test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
  chmod(template, 0o755)
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func write(_ text: String, to path: String, mode: mode_t) throws {
  let fd = try system("open") { open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode) }
  defer { close(fd) }
  _ = Glibc.write(fd, text, text.utf8.count)
  fchmod(fd, mode)
}

/// Runs a body on that many threads, and returns when all are done.
func withThreads(named name: String, count: Int, _ body: @Sendable (Int) -> Void) throws {
  try withoutActuallyEscaping(body) { body in
    let threads = try (0..<count).map { index in try Thread(name) { body(index) } }
    for thread in threads { thread.join() }
  }
}
