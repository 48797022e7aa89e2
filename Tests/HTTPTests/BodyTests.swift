import CLinux
import Glibc
import Linux
import Testing

@testable import HTTP

/// Bodies in and out, and several requests on one connection.
@Suite struct BodyTests {
  static let routes = [
    Route(.post, "/v1/echo", "echo", body: .payload) { request in
      .now(Response(200, contentType: "application/octet-stream", .bytes(request.body)))
    },
    Route(.post, "/v1/document", "document", body: .document) { request in .now(.text("\(request.body.count)")) },
    Route(.post, "/v1/optional", "optional", body: .optionalDocument) { request in
      .now(.text("\(request.body.count)"))
    },
    Route(.get, "/v1/now", "now") { _ in .now(.text("now")) },
  ]

  /// Nothing is not the empty object, unless the operation needs no document.
  @Test func anEmptyDocumentIsNone() throws {
    let server = try TestServer(Self.routes)
    let json = "Content-Type: application/json\r\n"
    let empty = [
      ("Content-Length: 0\r\n", ""), ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    ]
    for (length, body) in empty {
      let refused = try server.request("POST /v1/document", json + length, body: body)
      #expect(refused?.status == 400 && refused?.text.contains("JSONDecodeError") == true)
      #expect(try server.request("POST /v1/optional", json + length, body: body)?.text == "0")
    }
    #expect(try server.request("POST /v1/document", json + "Content-Length: 2\r\n", body: "{}")?.text == "2")
    for (body, left) in [
      ("null", "0"), (" null\r\n", "0"), ("nul", "3"), ("nulll", "5"), ("null null", "9"), ("[null]", "6"),
    ] {
      let length = "Content-Length: \(body.utf8.count)\r\n"
      #expect(try server.request("POST /v1/optional", json + length, body: body)?.text == left)
      let needed = try server.request("POST /v1/document", json + length, body: body)
      #expect(needed?.text == "\(body.utf8.count)", "where one is needed null is no object, as its reader says")
    }
  }

  /// Bytes that a lost, doubled or moved piece would show in.
  static func noise(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count + 8) { buffer, filled in
      var state: UInt64 = 88_172_645_463_325_252
      let raw = UnsafeMutableRawBufferPointer(buffer)
      for offset in stride(from: 0, to: count, by: 8) {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        raw.storeBytes(of: state, toByteOffset: offset, as: UInt64.self)
      }
      filled = count
    }
  }

  @Test func aLargeBodyComesBackByteForByte() throws {
    let server = try TestServer(Self.routes)
    let body = Self.noise(64 << 20)
    let client = try server.connect()
    client.send(TestServer.head("POST /v1/echo", "Content-Length: \(body.count)\r\n"))
    client.send(body)
    let head = client.read { RawResponse($0) != nil }
    let first = try #require(RawResponse(head))
    #expect(first["content-length"] == String(body.count))
    let rest = client.read(seconds: 60) { [left = body.count - first.body.count] in $0.count >= left }
    #expect(first.body + rest == body)
  }

  @Test func oneByteTooManyIsRefusedBeforeItIsRead() throws {
    var options = ServerOptions()
    options.maxMessage = 1000
    let server = try TestServer(Self.routes, options)
    #expect(try server.request("POST /v1/echo", "Content-Length: 1001\r\n")?.status == 413)
    let body = String(repeating: "x", count: 1000)
    #expect(try server.request("POST /v1/echo", "Content-Length: 1000\r\n", body: body)?.text == body)
  }

  @Test func aChunkedBodyIsJoined() throws {
    let server = try TestServer(Self.routes)
    let body = Self.noise(300_000)
    let client = try server.connect()
    client.send(TestServer.head("POST /v1/echo", "Transfer-Encoding: chunked\r\n"))
    var start = 0
    for size in [1, 4095, 4096, 4097, 100_000, 1] + [300_000 - 112_290] {
      client.send("\(String(size, radix: 16))\r\n")
      client.send(Array(body[start..<start + size]))
      client.send("\r\n")
      start += size
    }
    client.send("0\r\n\r\n")
    #expect(start == body.count)
    #expect(client.response()?.body == body)
  }

  @Test func aChunkedBodyThatIsTooLongIsCut() throws {
    var options = ServerOptions()
    options.maxMessage = 1000
    let server = try TestServer(Self.routes, options)
    let client = try server.connect()
    client.send(TestServer.head("POST /v1/echo", "Transfer-Encoding: chunked\r\n"))
    client.send("3e9\r\n" + String(repeating: "x", count: 1001) + "\r\n0\r\n\r\n")
    #expect(client.read().isEmpty)
    #expect(try server.request("GET /v1/now")?.text == "now")
    #expect(server.observer.notes.withLock { $0 }.isEmpty)
  }

  @Test func aBodyThatIsCutShortIsNeverHandled() throws {
    let handled = Atomic(0)
    let server = try TestServer([
      Route(.post, "/v1/echo", "echo", body: .payload) { _ in
        handled.add(1, ordering: .relaxed)
        return .now(.noContent)
      }
    ])
    let client = try server.connect()
    client.send(TestServer.head("POST /v1/echo", "Content-Length: 10\r\n") + "12345")
    shutdown(client.fd, CInt(SHUT_WR))
    #expect(client.read().isEmpty)
    let count = handled.load(ordering: .relaxed)
    #expect(count == 0)
  }

  @Test func expectContinueIsAnswered() throws {
    let server = try TestServer(Self.routes)
    let client = try server.connect()
    client.send(TestServer.head("POST /v1/echo", "Content-Length: 3\r\nExpect: 100-continue\r\n"))
    let interim = client.read { String(decoding: $0, as: UTF8.self).contains("\r\n\r\n") }
    #expect(String(decoding: interim, as: UTF8.self).hasPrefix("HTTP/1.1 100 Continue"))
    client.send("abc")
    #expect(client.response()?.text == "abc")
  }

  @Test func aRefusedRequestGetsNoContinue() throws {
    let server = try TestServer(Self.routes)
    let client = try server.connect()
    client.send(
      "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    #expect(client.response()?.status == 401)
  }

  @Test func aConnectionServesManyRequests() throws {
    let server = try TestServer(Self.routes)
    let client = try server.connect()
    for round in 0..<100 {
      let body = String(repeating: "x", count: round * 100)
      client.send(TestServer.head("POST /v1/echo", "Content-Length: \(body.count)\r\n") + body)
      #expect(client.response()?.text == body)
    }
    #expect(server.server.metrics.snapshot().connections == 1)
  }

  @Test func pipelinedRequestsAreAnsweredInOrder() throws {
    let server = try TestServer(Self.routes)
    let client = try server.connect()
    client.send(
      (0..<20).map { TestServer.head("POST /v1/echo", "Content-Length: 3\r\n") + "<\(10 + $0)>".prefix(3) }.joined())
    let text = String(
      decoding: client.read { String(decoding: $0, as: UTF8.self).contains("<29") }, as: UTF8.self)
    let found = (10..<30).map { text.firstRange(of: "<\($0)") }
    #expect(found.allSatisfy { $0 != nil })
    #expect(found.compactMap { $0?.lowerBound } == found.compactMap { $0?.lowerBound }.sorted())
  }

  @Test func headHasNoBody() throws {
    let server = try TestServer(Self.routes)
    let client = try server.connect()
    client.send(TestServer.head("HEAD /v1/now") + TestServer.head("GET /v1/now"))
    let text = String(decoding: client.read { String(decoding: $0, as: UTF8.self).hasSuffix("now") }, as: UTF8.self)
    #expect(text.components("Content-Length: 3").count == 3)
    #expect(text.components("now").count == 2)
  }

  @Test func anOldClientIsClosed() throws {
    let server = try TestServer(Self.routes)
    let client = try server.connect()
    client.send("GET /v1/now HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer test-token\r\n\r\n")
    #expect(RawResponse(client.read())?.text == "now")
  }

  @Test(arguments: [128, 256]) func manyAtOnceAreAnswered(_ count: Int) throws {
    let server = try TestServer(Self.routes)
    let clients = try (0..<count).map { _ in try server.connect() }
    for _ in 0..<20 {
      for client in clients { client.send(TestServer.head("GET /v1/now")) }
      #expect(clients.allSatisfy { $0.response(seconds: 5)?.text == "now" })
    }
  }
}

extension String {
  func components(_ separator: String) -> [Substring] { split(separator: separator, omittingEmptySubsequences: false) }
}
