import Linux
import Testing

@testable import HTTP

/// Raw bytes against a running server: what the library does to them in front of the gate counts too.
@Suite struct WireTests {
  static let routes = [
    Route(.get, "/v1/queues", "list") { _ in .now(.text("queues")) },
    Route(.post, "/v1/queues", "create", body: .document) { _ in .now(.text("created")) },
    Route(.post, "/v1/put", "put", body: .payload) { request in .now(.text("got \(request.body.count)")) },
    Route(.delete, "/v1/queues", "delete", access: .operatorOnly) { _ in .now(.noContent) },
    Route(.get, "/healthz", "health", access: .open) { _ in .now(.text("ok")) },
  ]
  static let auth = "Authorization: Bearer \(TestServer.token)\r\n"

  struct Case: Sendable, CustomTestStringConvertible {
    let input: String
    /// 0: closed without an answer.
    let status: Int

    init(_ input: String, _ status: Int) {
      self.input = input.replacing("AUTH", with: WireTests.auth).replacing("HOST", with: "Host: localhost\r\n")
      self.status = status
    }

    var testDescription: String { "\(input.debugDescription) → \(status)" }
  }

  /// `count` parameters, each of which the library would take memory for.
  static func parameters(_ count: Int) -> String { (0..<count).map { "a\($0)=1" }.joined(separator: "&") }

  @Test(arguments: [
    Case("GET /v1/queues?\(parameters(100)) HTTP/1.1\r\nHOSTAUTH\r\n", 200),
    Case("GET /v1/queues?\(parameters(250)) HTTP/1.1\r\nHOSTAUTH\r\n", 200),
    Case("GET /v1/queues?\(parameters(400)) HTTP/1.1\r\nHOSTAUTH\r\n", 414),
    Case(
      "POST /v1/put HTTP/1.1\r\nHOSTAUTHContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/queues HTTP/1.1\r\nHOSTAUTH\r\n",
      400),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHContent-Length: 5\r\nContent-Length: 3\r\n\r\nabcde", 400),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHTransfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\nabcd", 400),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHTransfer-Encoding: xchunked\r\n\r\nabcd", 501),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHTransfer-Encoding: identity\r\n\r\nabcd", 501),
    Case(
      "POST /v1/put HTTP/1.1\r\nHOSTAUTHTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    Case("POST /v1/put HTTP/1.0\r\nHOSTAUTHTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHContent-Length: 18446744073709551615\r\n\r\n", 413),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHContent-Length: 99999999999\r\n\r\n", 413),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHContent-Length: +5\r\n\r\nabcde", 400),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHContent-Length: 0x5\r\n\r\nabcde", 400),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHContent-Length: 99999999999999999999999999\r\n\r\n", 413),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHTransfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n", 400),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n", 413),
  ])
  func framing(_ wire: Case) throws { try check(wire) }

  @Test(arguments: [
    Case("GET /v1/queues HTTP/1.1\r\nAUTH\r\n", 400), Case("GET /v1/queues HTTP/1.1\r\nHOSTHOSTAUTH\r\n", 400),
    Case("GET /v1/queues HTTP/1.0\r\nAUTH\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHost: evil.com\r\nAUTH\r\n", 403),
    Case("GET /v1/queues HTTP/1.1\r\nHost: 0.0.0.0:80\r\nAUTH\r\n", 403),
    Case("GET /v1/queues HTTP/1.1\r\nHost: localhost.evil.com\r\nAUTH\r\n", 403),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHOrigin: null\r\n\r\n", 403),
    Case("GET /healthz HTTP/1.1\r\nHOSTOrigin: http://evil.com\r\n\r\n", 403),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHSec-Fetch-Site: cross-site\r\n\r\n", 403),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX: a\rb\r\n\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTH: x\r\n\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX\u{0}Y: x\r\n\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHnocolon\r\n\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHExpect: x\r\n\r\n", 417),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTH: x\r\nContent-Length: 2\r\n\r\nab", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTH:\r\n\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAuthor: Bearer test-token\r\n ization\r\n\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX: a\r\n b\r\nY: c\r\n\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\n X: a\r\nHOSTAUTH\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX: a\u{0}b\r\n\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX: a\nY: b\r\n\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX: a\n\n", 400), Case("GET /v1/queues HTTP/1.1\nHOSTAUTH\r\n", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX:\r\n\r\n", 200),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX:   a  \r\n\r\n", 200),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX:\r\nY:\t\r\n\r\n", 200),
  ])
  func fields(_ wire: Case) throws { try check(wire) }

  @Test(arguments: [
    Case("GET /a%2Fb HTTP/1.1\r\nHOSTAUTH\r\n", 400), Case("GET /a%00b HTTP/1.1\r\nHOSTAUTH\r\n", 400),
    Case("GET /%2e%2e/etc HTTP/1.1\r\nHOSTAUTH\r\n", 400), Case("GET /../etc HTTP/1.1\r\nHOSTAUTH\r\n", 400),
    Case("GET //x HTTP/1.1\r\nHOSTAUTH\r\n", 400), Case("GET http://evil/abs HTTP/1.1\r\nHOSTAUTH\r\n", 400),
    Case("GET /a b HTTP/1.1\r\nHOSTAUTH\r\n", 400), Case("GET /v1/queues\u{0}y?tok=1 HTTP/1.1\r\nHOSTAUTH\r\n", 400),
    Case("GET /v1/queues\u{0} HTTP/1.1\r\nHOSTAUTH\r\n", 400),
    Case("GET /v1/queues?a=1&a=2 HTTP/1.1\r\nHOSTAUTH\r\n", 400),
    Case("GET /v1/queues?a=%00 HTTP/1.1\r\nHOSTAUTH\r\n", 400), Case("GET * HTTP/1.1\r\nHOSTAUTH\r\n", 405),
    Case("CONNECT evil:443 HTTP/1.1\r\nHOSTAUTH\r\n", 405), Case("BREW /v1/queues HTTP/1.1\r\nHOSTAUTH\r\n", 501),
    Case("get /v1/queues HTTP/1.1\r\nHOSTAUTH\r\n", 501), Case("GET /v1/queues HTTP/1.9\r\nHOSTAUTH\r\n", 505),
    Case("GET /v1/queues HTTP/2.0\r\nHOSTAUTH\r\n", 505), Case("GET /v1/queues http/1.1\r\nHOSTAUTH\r\n", 400),
    Case("GET /v1/queues\r\n\r\n", 400),
    Case("GET /" + String(repeating: "a", count: 3000) + " HTTP/1.1\r\nHOSTAUTH\r\n", 414),
    Case("GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\nHOSTAUTH\r\n", 414),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHX: " + String(repeating: "a", count: 9000) + "\r\n\r\n", 431),
  ])
  func targets(_ wire: Case) throws { try check(wire) }

  @Test(arguments: [
    Case("GET /v1/queues HTTP/1.1\r\nHOST\r\n", 401), Case("GET /v1/queues?token=test-token HTTP/1.1\r\nHOST\r\n", 401),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAuthorization: Bearer wrong\r\n\r\n", 401),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAuthorization: Bearer test-toke\r\n\r\n", 401),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAuthorization: Bearer test-token2\r\n\r\n", 401),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAuthorization: Basic test-token\r\n\r\n", 401),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAuthorization: Bearer \r\n\r\n", 401),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHAUTH\r\n", 400), Case("GET /v1/nothing HTTP/1.1\r\nHOST\r\n", 401),
    Case("OPTIONS /v1/queues HTTP/1.1\r\nHOST\r\n", 401), Case("OPTIONS /v1/queues HTTP/1.1\r\nHOSTAUTH\r\n", 405),
    Case("GET /v1/nothing HTTP/1.1\r\nHOSTAUTH\r\n", 404), Case("GET / HTTP/1.1\r\nHOSTAUTH\r\n", 404),
    Case("GET /v1/queues/ HTTP/1.1\r\nHOSTAUTH\r\n", 404), Case("PUT /v1/queues HTTP/1.1\r\nHOSTAUTH\r\n", 405),
    Case("POST /healthz HTTP/1.1\r\nHOST\r\n", 405), Case("GET /healthz HTTP/1.1\r\nHOST\r\n", 200),
    Case("DELETE /v1/queues HTTP/1.1\r\nHOSTAuthorization: Bearer bearer-token\r\n\r\n", 403),
    Case("DELETE /v1/queues HTTP/1.1\r\nHOSTAUTH\r\n", 204),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAuthorization: bearer bearer-token\r\n\r\n", 200),
  ])
  func credentials(_ wire: Case) throws { try check(wire) }

  @Test(arguments: [
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHContent-Length: 1\r\n\r\nx", 400),
    Case("GET /v1/queues HTTP/1.1\r\nHOSTAUTHContent-Length: 0\r\n\r\n", 200),
    Case("DELETE /v1/queues HTTP/1.1\r\nHOSTAUTHTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    Case("POST /v1/queues HTTP/1.1\r\nHOSTAUTHContent-Length: 2\r\n\r\n{}", 415),
    Case("POST /v1/queues HTTP/1.1\r\nHOSTAUTHContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415),
    Case(
      "POST /v1/queues HTTP/1.1\r\nHOSTAUTHContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\n{}",
      415),
    Case(
      "POST /v1/queues HTTP/1.1\r\nHOSTAUTHContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 2\r\n\r\n{}",
      415),
    Case(
      "POST /v1/queues HTTP/1.1\r\nHOSTAUTHContent-Type: application/json; charset=latin1\r\nContent-Length: 2\r\n\r\n{}",
      415),
    Case(
      "POST /v1/queues HTTP/1.1\r\nHOSTAUTHContent-Type: application/json; charset=UTF-8\r\nContent-Length: 2\r\n\r\n{}",
      200),
    Case("POST /v1/put HTTP/1.1\r\nHOSTAUTHContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415),
    Case(
      "POST /v1/put HTTP/1.1\r\nHOSTAUTHTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
      200),
  ])
  func bodies(_ wire: Case) throws { try check(wire) }

  private func check(_ wire: Case) throws {
    let server = try TestServer(Self.routes)
    let client = try server.connect()
    client.send(wire.input)
    let bytes = client.read { (RawResponse($0)?.isComplete ?? false) }
    #expect(RawResponse(bytes)?.status ?? 0 == wire.status)
    #expect(!String(decoding: bytes, as: UTF8.self).contains("Access-Control"))
    guard wire.status >= 400 else { return }
    #expect(RawResponse(bytes)?["content-type"] == "application/problem+json")
    #expect(String(decoding: bytes, as: UTF8.self).components("\r\nCache-Control:").count == 2, "it is answered once")
    #expect(client.isClosed(within: 5), "what follows a bad request must not be read")
  }

  @Test func aProblemSaysWhatAndWhere() throws {
    let server = try TestServer(Self.routes)
    let response = try #require(try server.request("PUT /v1/queues?x=1"))
    #expect(response.status == 405)
    #expect(response["allow"] == "GET, HEAD, POST, DELETE")
    #expect(response["content-type"] == "application/problem+json")
    #expect(response.text.contains("\"title\""))
    #expect(response.text.contains("/v1/queues"))
    #expect(response.text.contains("MethodNotAllowed"))
  }

  @Test func aFormIsPointedToJSON() throws {
    let server = try TestServer(Self.routes)
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n"
    let response = try #require(try server.request("POST /v1/queues", form, body: "a=1"))
    #expect(response.text.contains("curl --json"))
  }

  @Test func aRefusedLoginIsTold() throws {
    let server = try TestServer(Self.routes)
    let client = try server.connect()
    client.send("GET /v1/queues?x=\(String(repeating: "y", count: 400)) HTTP/1.1\r\nHost: localhost\r\n\r\n")
    let response = try #require(client.response())
    #expect(response.status == 401)
    #expect(response["www-authenticate"] == "Bearer")
    let refusal = try #require(server.observer.refusals.withLock { $0.first })
    #expect(refusal.code == "Unauthorized")
    #expect(refusal.target.utf8.count == 256)
    #expect(refusal.peer.description.hasPrefix("127.0.0.1:"))
  }

  @Test func withoutAnyTokenNothingIsOpen() throws {
    let server = Server(routes: Self.routes, tokens: Tokens())
    try server.start([.tcp(host: "127.0.0.1", port: 0)])
    defer { server.stop(by: .after(seconds: 2)) }
    let client = try RawClient(server.addresses[0])
    client.send("GET /v1/queues HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \r\n\r\n")
    #expect(client.response()?.status == 401)
  }
}
