import Glibc
import Linux

@testable import HTTP

/// A server on a free port for one test, stopped when it is released.
final class TestServer {
  static let token = "test-token"
  static let bearerToken = "bearer-token"

  let server: Server
  let observer = Recorder()

  init(
    _ routes: [Route], at addresses: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 0)],
    _ options: ServerOptions = .init()
  )
    throws
  {
    let tokens = Tokens()
    tokens.add(Self.token, for: .operator)
    tokens.add(Self.bearerToken, for: .bearer(subject: "worker"))
    server = Server(options: options, routes: routes, tokens: tokens, observer: observer)
    try server.start(addresses)
  }

  deinit { server.stop(by: .after(seconds: 2)) }

  func connect() throws -> RawClient { try RawClient(server.addresses[0]) }

  /// Sends one request with the operator's token on a connection of its own.
  func request(_ line: String, _ headers: String = "", body: String = "") throws -> RawResponse? {
    let client = try connect()
    client.send(TestServer.head(line, headers) + body)
    return client.response()
  }

  static func head(_ line: String, _ headers: String = "") -> String {
    "\(line) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\(headers)\r\n"
  }
}

final class Recorder: ServerObserver {
  struct Refusal { let peer: Peer, status: Int, code: String, target: String }
  struct Audit { let operation: String, caller: Caller, peer: Peer, target: String, status: Int }

  let refusals = Linux.Mutex<[Refusal]>([])
  let audits = Linux.Mutex<[Audit]>([])
  let notes = Linux.Mutex<[String]>([])

  func refused(peer: Peer, status: Int, code: String, target: String) {
    refusals.withLock { $0.append(Refusal(peer: peer, status: status, code: code, target: target)) }
  }

  func audited(operation: String, caller: Caller, peer: Peer, target: String, status: Int) {
    audits.withLock {
      $0.append(Audit(operation: operation, caller: caller, peer: peer, target: target, status: status))
    }
  }

  func note(_ line: String, suppressed: Int) { notes.withLock { $0.append(line) } }
}

/// For a socket; to be removed by rmdir(2).
func makeTemporaryFolder() throws -> String {
  var template = Array("/tmp/http-tests-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Waits for a condition that another thread makes true.
func eventually(seconds: Double = 10, _ condition: () -> Bool) -> Bool {
  let deadline = Deadline.after(seconds: seconds)
  while !condition() {
    guard deadline.secondsLeft > 0 else { return false }
    usleep(1000)
  }
  return true
}
