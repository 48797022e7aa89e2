import Glibc
import Linux
import ProcessAPI
import Testing

@testable import HTTP
@testable import ProcessCore

/// The routes on a manager of their own, called without a socket: what the server does between the gate and the writing of
/// the response.
final class APIUnderTest {
  let manager: ProcessManager
  let routes: [Route]
  private let router: Router

  init(_ options: ProcessOptions = ProcessOptions(), maxEvents: Int = 10_000) throws {
    signal(SIGPIPE, SIG_IGN)
    let reactor = try Reactor(alarms: Alarms())
    let events = EventLog(capacity: maxEvents, alarms: reactor.alarms)
    manager = try ProcessManager(options, reactor: reactor, log: events)
    try reactor.start()
    routes = API(manager: manager, daemon: DaemonInfo(version: "test")).routes
    router = Router(routes)
  }

  deinit {
    let hasEnded = Flag()
    manager.shutdown(grace: 0.2) { hasEnded.isSet.store(true, ordering: .releasing) }
    _ = eventually { hasEnded.isSet.load(ordering: .acquiring) }
    manager.stop()
  }

  private final class Flag: Sendable {
    let isSet = Atomic(false)
  }

  /// Calls an operation and waits for its response.
  func call(
    _ method: HTTP.Method, _ target: String, _ json: String? = nil, headers: [String: String] = [:],
    as caller: Caller = .operator
  ) throws -> Result {
    try result(try answer(method, target, json, headers: headers, as: caller))
  }

  /// Waits for the response of a call that was made.
  func result(_ call: (Swift.Result<Answer, Problem>, path: Bytes)) throws -> Result {
    let (answer, path) = call
    switch answer {
    case .success(.now(let response)): return Result(response)
    case .success(.prepared(let response)): return Result(Response(response))
    case .success(.parked(let reply)):
      var response: Response?
      try #require(
        eventually(within: 20) {
          response = reply.take(); return response != nil
        }, "no answer to \(path.text)")
      return Result(try #require(response))
    case .success(.upload): preconditionFailure("`answer` has finished it")
    case .failure(let problem): return Result(problem.response(to: path.buffer))
    }
  }

  func get(_ target: String, as caller: Caller = .operator) throws -> Result { try call(.get, target, as: caller) }
  func post(_ target: String, _ json: String? = nil, as caller: Caller = .operator) throws -> Result {
    try call(.post, target, json, as: caller)
  }

  /// Calls an operation and returns what the handler gave back.
  func answer(
    _ method: HTTP.Method, _ target: String, _ json: String? = nil, headers: [String: String] = [:],
    as caller: Caller = .operator
  ) throws -> (Swift.Result<Answer, Problem>, path: Bytes) {
    let request = Request(method, target, headers: headers, body: json.map { Bytes($0) }, caller: caller)
    let path = Bytes(copying: request.path)
    let place = try #require(router.find(request.path, &request.parameters), "no route for \(target)")
    let route = routes[try #require(place.route(for: method), "no \(method.name) of \(target)")]
    return (
      Swift.Result { () throws(Problem) in
        if route.access == .operatorOnly, caller != .operator { throw Problem(403, "Forbidden", "") }
        if let query = target.firstIndex(of: "?") {
          let text = Bytes(String(target[target.index(after: query)...]))
          request.parsedQuery = try Query.parse(text.buffer)
        }
        let answer = try route.handler(request)
        guard case .upload(let sink) = answer else { return answer }
        // All at once: a sink that holds its client up needs a socket.
        _ = try sink.write(request.body.buffer) {}
        return try sink.finish()
      }, path
    )
  }

  /// A response as a test reads it.
  struct Result {
    let status: Int
    let headers: [String: String]
    let body: String

    init(_ response: Response) {
      let response = response.whole
      status = response.status
      var headers: [String: String] = [:]
      for (name, value) in response.headers { headers[name.lowercased()] = value }
      headers["content-type"] = response.contentType
      self.headers = headers
      switch response.body {
      case .none: body = ""
      case .bytes(let bytes): body = bytes.text
      case .file(let fd, _, let offset, let count):
        let bytes = Bytes(count: count)
        bytes.truncate(to: Swift.max(pread(fd, bytes.start, count, off_t(offset)), 0))
        body = bytes.text
      case .stream(let source): body = Self.drain(source)
      }
    }

    /// Reads a stream until it ends or has nothing for a while.
    private static func drain(_ source: any BodySource) -> String {
      var bytes: [UInt8] = []
      let buffer = Bytes(count: 4096)
      let isWoken = Flag()
      reading: while true {
        switch source.read(into: buffer.mutableBuffer, wake: { isWoken.isSet.store(true, ordering: .releasing) }) {
        case .bytes(let count): bytes += buffer.buffer[..<count]
        case .end: break reading
        case .abort:
          bytes += "<abort>".utf8
          break reading
        case .parked:
          guard eventually(within: 1, { isWoken.isSet.exchange(false, ordering: .acquiring) }) else { break reading }
        }
      }
      source.close()
      return String(decoding: bytes, as: UTF8.self)
    }

    func contains(_ text: String) -> Bool { body.contains(text) }
    /// The pointers of a problem's field errors.
    var pointers: [String] {
      body.components(after: "\"pointer\":\"").map { String($0.prefix { $0 != "\"" }) }
    }
    var code: String? { body.components(after: "\"code\":\"").first.map { String($0.prefix { $0 != "\"" }) } }
  }
}

extension String {
  fileprivate func components(after mark: String) -> [Substring] {
    split(separator: mark, omittingEmptySubsequences: false).dropFirst().map { $0 }
  }
}

/// Waits for `condition` with a deadline, going on as soon as it holds.
func eventually(within seconds: Double = 10, _ condition: () -> Bool) -> Bool {
  let deadline = Deadline.after(seconds: seconds)
  while !condition() {
    guard deadline > .now else { return condition() }
    sched_yield()
  }
  return true
}
