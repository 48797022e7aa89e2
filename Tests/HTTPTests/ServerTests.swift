import Glibc
import Linux
import Testing

@testable import HTTP

@Suite struct ServerTests {
  static let routes = [
    Route(.get, "/healthz", "health", access: .open) { _ in .now(.text("ok\n").premade()) },
    Route(.get, "/v1/things/{name}", "read") { request in
      .now(Response(200, contentType: "text/plain", .bytes(Bytes(copying: request.parameter(0)))))
    },
    Route(.post, "/v1/things/{name}", "write", body: .payload, audited: true) { request in
      .now(Response(200, contentType: request.header("content-type"), .bytes(request.body)))
    },
  ]

  @Test func answers() throws {
    let server = try TestServer(Self.routes)
    let response = try #require(try server.request("GET /v1/things/apple"))
    #expect(response.status == 200)
    #expect(response.text == "apple")
    #expect(response["cache-control"] == "no-store")
    #expect(response["x-content-type-options"] == "nosniff")
    #expect(response["server"] == nil)
  }

  /// The library's own, which asks a function of ours what day it is.
  @Test func aDateIsThatOfItsSecond() throws {
    for second in [0, 0, 1_700_000_000, 1_700_000_000, 951_782_400, -1, 1_700_000_000, 4_102_444_799, 4_102_444_799] {
      var second = time_t(second)
      var parts = tm()
      #expect(gmtime_r(&second, &parts) != nil)
      #expect(timegm(&parts) == second)
    }
    let server = try TestServer(Self.routes)
    let before = time(nil)
    let date = try #require(try server.request("GET /v1/things/apple")?["date"])
    let possible = (before...time(nil)).map { second in
      var text = [CChar](repeating: 0, count: 64)
      var second = second
      strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&second))
      return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    #expect(possible.contains(date))
  }

  @Test func anOpenRouteNeedsNoToken() throws {
    let server = try TestServer(Self.routes)
    let client = try server.connect()
    client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(client.response()?.text == "ok\n")
  }

  @Test func aBodyComesBackByteForByte() throws {
    let server = try TestServer(Self.routes)
    let response = try #require(
      try server.request("POST /v1/things/a", "Content-Type: text/x\r\nContent-Length: 5\r\n", body: "a\u{0}b\r\n"))
    #expect(response.body == Array("a\u{0}b\r\n".utf8))
    #expect(response["content-type"] == "text/x")
  }

  private final class Kept: @unchecked Sendable {
    // Sendable: the server's one loop writes it, and the test reads it when the loop has answered.
    var request: Request?
  }

  @Test func aRequestThatIsKeptStaysWhatItWas() throws {
    let kept = Kept()
    let server = try TestServer([
      Route(.get, "/v1/things/{name}", "read", access: .open) { request in
        if kept.request == nil { kept.request = request }
        return .now(.text(request.parameter(0).text))
      }
    ])
    let client = try server.connect()
    for name in ["apple", "other", "third"] {
      client.send("GET /v1/things/\(name) HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(client.response()?.text == name)
    }
    let request = try #require(kept.request)
    #expect(request.parameter(0).text == "apple")
    #expect(request.path.text == "/v1/things/apple")
    #expect(request.header("host") == nil)
  }
}
