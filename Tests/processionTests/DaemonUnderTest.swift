import CLinux
import Glibc
import Linux

/// The built binary on a data folder of its own. It is stopped at the latest when nobody holds it any more, and ends by
/// itself after three minutes, should the tests die before.
final class DaemonUnderTest: @unchecked Sendable {
  // Sendable: `status` alone changes, under a lock.
  let pid: pid_t
  let data: String
  let greeting: String
  private let ownsData: Bool
  private let status = Mutex<CInt?>(nil)

  struct DidNotStart: Error {
    let code: CInt
    let log: String
  }

  /// `before` are words to put in front of the command, as in `env -i`; `descriptors` are inherited beyond 0, 1 and 2.
  init(
    _ arguments: [String] = [], environment: [String] = [], data given: String? = nil, before: [String] = [],
    listen: [String] = ["--listen=127.0.0.1:0"], descriptors: [(source: CInt, target: CInt)] = []
  ) throws {
    data = try given ?? makeTemporaryFolder()
    ownsData = given == nil
    let output = try Pipe()
    let log = open(data + "/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer { close(log) }
    let command = before + Self.bounded + [binary, "serve", "--data=\(data)"] + listen + arguments
    pid = try spawn(
      command, environment: ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"] + environment,
      descriptors: [(output.write.raw, 1), (log, 2)] + descriptors)
    output.write.close()
    greeting = try output.read.text { $0.contains("localhost/v1/processes\n") || $0.contains("/v1/processes\n") }
    guard !greeting.isEmpty else { throw DidNotStart(code: end(by: 0), log: contents(of: data + "/log")) }
  }

  /// alarm(2) outlives an exec.
  private static let bounded = ["/usr/bin/perl", "-e", "alarm 180; exec @ARGV; die $!"]

  deinit {
    _ = end(by: SIGKILL)
    if ownsData { removeFolder(data) }
  }

  /// Asks it to end, waits for that, and returns its exit code; negative: the signal that ended it.
  @discardableResult
  func stop() -> CInt { end(by: SIGTERM) }

  /// Sends a signal, 0 for none, and waits for the end.
  @discardableResult
  func end(by number: CInt) -> CInt {
    status.withLock { status in
      if let status { return status }
      if number != 0 { Glibc.kill(pid, number) }
      var raw: CInt = 0
      while waitpid(pid, &raw, 0) == -1, errno == EINTR {}
      let code = raw & 0x7f == 0 ? raw >> 8 & 0xff : -(raw & 0x7f)
      status = code
      return code
    }
  }

  func send(_ number: CInt) { Glibc.kill(pid, number) }

  /// What it has logged until now.
  var log: String { contents(of: data + "/log") }
  var token: String { String(contents(of: data + "/token").dropLast()) }
  var socket: Endpoint { .unix(data + "/procession.sock") }

  var tcp: Endpoint {
    let port = greeting.split(separator: "http://127.0.0.1:").dropFirst().first?.prefix { $0.isNumber } ?? "0"
    return .tcp(UInt16(port) ?? 0)
  }

  /// The operator, by the Unix socket.
  var client: Client { Client(socket) }

  /// The descriptors that it has open.
  var descriptorCount: Int { names(in: "/proc/\(pid)/fd").count }
}

/// SwiftPM builds the binary beside the tests.
let binary: String = {
  var path = [CChar](repeating: 0, count: 4096)
  let count = readlink("/proc/self/exe", &path, path.count)
  let own = String(decoding: path.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  return String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/procession"
}()
