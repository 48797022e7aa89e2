import Testing

@testable import HTTP

@Suite struct RouterTests {
  static let router = Router([
    Route(.get, "/v1/processes", "list") { _ in .now(.noContent) },
    Route(.post, "/v1/processes", "create") { _ in .now(.noContent) },
    Route(.get, "/v1/processes/current", "current") { _ in .now(.noContent) },
    Route(.get, "/v1/processes/{name}", "read") { _ in .now(.noContent) },
    Route(.post, "/v1/processes/{name}/join", "join") { _ in .now(.noContent) },
    Route(.post, "/v1/pipes/{name}/ends/{end}/send", "send") { _ in .now(.noContent) },
    Route(.get, "/healthz", "health", access: .open) { _ in .now(.noContent) },
  ])

  static func find(_ method: HTTP.Method, _ path: String) -> (operation: String?, parameters: [String], allow: String?)
  {
    let bytes = Array(path.utf8)
    return bytes.withUnsafeBytes { path in
      var ranges = PathParameters()
      let node = router.find(path, &ranges)
      return (
        node?.route(for: method).map { router.routes[$0].operation },
        (0..<ranges.count).map { path.slice(ranges[$0]).text },
        node.map { router.allow($0) }
      )
    }
  }

  @Test func aLiteralComesBeforeAParameter() {
    #expect(Self.find(.get, "/v1/processes/current").operation == "current")
    #expect(Self.find(.get, "/v1/processes/currents").operation == "read")
    #expect(Self.find(.get, "/v1/processes/currents").parameters == ["currents"])
  }

  @Test func aLiteralThatLeadsNowhereGivesWayToTheParameter() {
    let found = Self.find(.post, "/v1/processes/current/join")
    #expect(found.operation == "join")
    #expect(found.parameters == ["current"])
  }

  @Test func parametersAreInOrder() {
    #expect(Self.find(.post, "/v1/pipes/p/ends/1/send").parameters == ["p", "1"])
  }

  @Test func headIsAnsweredByGet() { #expect(Self.find(.head, "/v1/processes").operation == "list") }

  @Test func otherMethodsAreToldWhatThereIs() {
    let found = Self.find(.delete, "/v1/processes")
    #expect(found.operation == nil)
    #expect(found.allow == "GET, HEAD, POST")
  }

  @Test(arguments: ["/", "/v1", "/v1/", "/v1/processes/", "/v1/processes/a/", "/v1/processes/a/b", "/healthz/x", "/v2"])
  func whatIsNotThereIsNotFound(_ path: String) {
    let found = Self.find(.get, path)
    #expect(found.operation == nil)
    #expect(found.allow == nil)
  }
}
