import Testing

/// Calls on queues.
extension Client {
  /// Makes one; `settings` are its members, as in `"maxsize":3`.
  func queue(_ name: String, _ settings: String = "", at location: SourceLocation = #_sourceLocation) throws {
    let answer = try post("/v1/queues", "{\"name\":\"\(name)\"\(settings.isEmpty ? "" : ",")\(settings)}")
    try #require(answer.status == 201, "\(answer.text)", sourceLocation: location)
  }

  func queueState(_ name: String) throws -> Value { try get("/v1/queues/\(name)").json }

  func putMessage(
    _ name: String, _ text: String, type: String = "text/plain", query: String = ""
  ) throws -> Answer {
    try request("POST", "/v1/queues/\(name)/put\(query)", ["Content-Type": type], Array(text.utf8))
  }

  func getMessage(_ name: String, _ query: String = "?timeout=0", headers: [String: String] = [:]) throws -> Answer {
    try request("POST", "/v1/queues/\(name)/get\(query)", headers)
  }

  /// Waits for a message, on a connection that the test closes when it wants to.
  func waitForMessage(_ name: String, verb: String = "get") throws -> Connection {
    try send("POST", "/v1/queues/\(name)/\(verb)")
  }

  /// The messages that are in, taken out.
  func drain(_ name: String) throws -> [String] {
    var texts: [String] = []
    while case let answer = try getMessage(name), answer.status == 200 { texts.append(answer.text) }
    return texts
  }

  /// Waits until so many wait on the queue.
  func waiters(_ name: String, reach count: Int) throws -> Bool {
    try eventually { try queueState(name)["waiters"] == .number(Double(count)) }
  }
}
