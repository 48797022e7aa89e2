import Linux

/// One answer of the daemon's.
struct Answer {
  let status: Int
  let headers: [String: String]
  let body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }
  var json: Value { Value(body) }
  /// The problem's code, as in `NotRunning`.
  var code: String? { json["code"].text }
  /// The fields that a problem names.
  var pointers: [String] { json["errors"].items.compactMap { $0["pointer"].text } }

  subscript(_ header: String) -> String? { headers[header.lowercased()] }
}

/// Calls a daemon, each time on a connection of its own.
struct Client: Sendable {
  let endpoint: Endpoint
  var token: String?

  struct NoAnswer: Error { let request: String }

  init(_ endpoint: Endpoint, token: String? = nil) {
    self.endpoint = endpoint
    self.token = token
  }

  func get(_ path: String, _ headers: [String: String] = [:]) throws -> Answer { try request("GET", path, headers) }
  func delete(_ path: String) throws -> Answer { try request("DELETE", path) }
  func put(_ path: String, _ json: String) throws -> Answer { try document("PUT", path, json) }

  /// Without a document it is a verb that needs none.
  func post(_ path: String, _ json: String? = nil) throws -> Answer {
    if let json { return try document("POST", path, json) }
    return try request("POST", path)
  }

  private func document(_ method: String, _ path: String, _ json: String) throws -> Answer {
    try request(method, path, ["Content-Type": "application/json"], Array(json.utf8))
  }

  func request(
    _ method: String, _ path: String, _ headers: [String: String] = [:], _ body: [UInt8]? = nil, seconds: Double = 60
  ) throws -> Answer {
    let stream = try open(method, path, headers, body, seconds: seconds)
    return Answer(status: stream.status, headers: stream.headers, body: stream.rest(seconds: seconds))
  }

  /// Sends a request and reads the head of the answer; the body is read as it comes.
  func open(
    _ method: String, _ path: String, _ headers: [String: String] = [:], _ body: [UInt8]? = nil, seconds: Double = 60
  ) throws -> Stream {
    let connection = try send(method, path, headers, body)
    guard let stream = Stream(connection, isHead: method == "HEAD", seconds: seconds) else {
      throw NoAnswer(request: "\(method) \(path)")
    }
    return stream
  }

  /// Sends a request and reads nothing, as a client does that waits.
  func send(
    _ method: String, _ path: String, _ headers: [String: String] = [:], _ body: [UInt8]? = nil
  ) throws -> Connection {
    var fields = ["Host": "localhost", "Connection": "close"].merging(headers) { $1 }
    if let token, fields["Authorization"] == nil { fields["Authorization"] = "Bearer \(token)" }
    if body != nil || method == "POST" || method == "PUT" { fields["Content-Length"] = String(body?.count ?? 0) }
    let head = "\(method) \(path) HTTP/1.1\r\n" + fields.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
    let connection = try Connection(endpoint)
    connection.send(Array(head.utf8) + (body ?? []))
    return connection
  }

  /// Bytes of the test's own, and all that comes until the daemon closes the connection.
  func raw(_ text: String, seconds: Double = 30) throws -> String {
    let connection = try Connection(endpoint)
    connection.send(text)
    return String(decoding: connection.rest(seconds: seconds), as: UTF8.self)
  }
}
