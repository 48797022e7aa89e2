import Glibc
import Linux
import Testing

@testable import HTTP

@Suite struct StreamTests {
  /// What another thread feeds, and the end when it says so.
  final class Feed: BodySource {
    private struct State {
      var pending: [UInt8] = []
      var isOver = false
      var isAborted = false
      var wake: (@Sendable () -> Void)?
    }

    private let state = Linux.Mutex(State())
    let closes = Atomic(0)

    func read(into buffer: UnsafeMutableRawBufferPointer, wake: @escaping @Sendable () -> Void) -> Pull {
      state.withLock { state in
        if !state.pending.isEmpty {
          let count = Swift.min(buffer.count, state.pending.count)
          buffer.copyBytes(from: state.pending[..<count])
          state.pending.removeFirst(count)
          return .bytes(count)
        }
        if state.isAborted { return .abort }
        if state.isOver { return .end }
        state.wake = wake
        return .parked
      }
    }

    func close() { closes.add(1, ordering: .relaxed) }

    func feed(_ text: String) { change { $0.pending += Array(text.utf8) } }
    func end() { change { $0.isOver = true } }
    func abort() { change { $0.isAborted = true } }

    private func change(_ body: (inout State) -> Void) {
      let wake = state.withLock { state in
        body(&state)
        defer { state.wake = nil }
        return state.wake
      }
      wake?()
    }
  }

  static func server(_ feed: any BodySource, _ options: ServerOptions = .init()) throws -> TestServer {
    try TestServer(
      [
        Route(.get, "/v1/stream", "stream") { _ in .now(Response(200, contentType: "text/plain", .stream(feed))) },
        Route(.get, "/v1/now", "now") { _ in .now(.text("now")) },
      ], options)
  }

  @Test func aStreamComesAsItIsFed() throws {
    let feed = Feed()
    let server = try Self.server(feed)
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/stream"))
    let head = try #require(RawResponse(client.read { RawResponse($0) != nil }))
    #expect(head["transfer-encoding"] == "chunked")
    for round in 0..<50 {
      let line = "event \(round)\n"
      feed.feed(line)
      let piece = String(decoding: client.read { String(decoding: $0, as: UTF8.self).contains(line) }, as: UTF8.self)
      #expect(piece.contains(line))
    }
    feed.end()
    #expect(
      String(decoding: client.read { $0.suffix(5) == Array("0\r\n\r\n".utf8)[...] }, as: UTF8.self) == "0\r\n\r\n")
    #expect(eventually { feed.closes.load(ordering: .relaxed) == 1 })
    client.send(TestServer.head("GET /v1/now"))
    #expect(client.response()?.text == "now", "the connection is still good")
  }

  @Test func anOldClientSeesTheEndByTheClose() throws {
    let feed = Feed()
    feed.feed("all of it")
    feed.end()
    let server = try Self.server(feed)
    let client = try server.connect()
    client.send("GET /v1/stream HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer test-token\r\n\r\n")
    #expect(RawResponse(client.read())?.text == "all of it")
  }

  @Test func anAbortedStreamIsCut() throws {
    let feed = Feed()
    feed.feed("half")
    let server = try Self.server(feed)
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/stream"))
    _ = client.read { RawResponse($0)?.text.contains("half") ?? false }
    feed.abort()
    let rest = client.read()
    #expect(rest.suffix(5) != Array("0\r\n\r\n".utf8)[...])
    #expect(eventually { feed.closes.load(ordering: .relaxed) == 1 })
    #expect(server.observer.notes.withLock { $0 }.isEmpty)
  }

  @Test func aHangUpClosesTheSourceWithin50Milliseconds() throws {
    let feed = Feed()
    let server = try Self.server(feed)
    var client: RawClient? = try server.connect()
    client?.send(TestServer.head("GET /v1/stream"))
    _ = client?.read { RawResponse($0) != nil }
    let start = Deadline.now
    client = nil
    #expect(eventually(seconds: 1) { feed.closes.load(ordering: .relaxed) == 1 })
    #expect(Deadline.now.nanoseconds - start.nanoseconds < 50_000_000)
    feed.feed("nobody reads this")
    #expect(eventually { server.server.metrics.snapshot().connections == 0 })
    #expect(feed.closes.load(ordering: .relaxed) == 1)
  }

  @Test func aHeadRequestReadsNothing() throws {
    let feed = Feed()
    let server = try Self.server(feed)
    #expect(try server.request("HEAD /v1/stream")?.status == 200)
    #expect(eventually { feed.closes.load(ordering: .relaxed) == 1 })
  }

  /// A source that is woken by another thread at any moment, also before it is parked.
  @Test func wakingRacesWithParking() throws {
    let feed = Feed()
    let server = try Self.server(feed)
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/stream"))
    let feeder = try Thread("feeder") {
      for _ in 0..<20_000 { feed.feed("x") }
      feed.end()
    }
    let bytes = client.read(seconds: 30) { $0.suffix(5) == Array("0\r\n\r\n".utf8)[...] }
    feeder.join()
    #expect(try #require(RawResponse(bytes)).text.count { $0 == "x" } == 20_000)
  }

  @Test func drainingEndsAParkedStream() throws {
    let feed = Feed()
    let server = try Self.server(feed)
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/stream"))
    _ = client.read { RawResponse($0) != nil }
    server.server.drain()
    #expect(
      String(decoding: client.read { $0.suffix(5) == Array("0\r\n\r\n".utf8)[...] }, as: UTF8.self) == "0\r\n\r\n")
    #expect(eventually { feed.closes.load(ordering: .relaxed) == 1 })
  }

  /// Endless, so that its reader is sure to fall behind.
  final class Flood: BodySource {
    let closes = Atomic(0)

    func read(into buffer: UnsafeMutableRawBufferPointer, wake: @escaping @Sendable () -> Void) -> Pull {
      buffer.initializeMemory(as: UInt8.self, repeating: 0x78)
      return .bytes(buffer.count)
    }

    func close() { closes.add(1, ordering: .relaxed) }
  }

  @Test func aReaderThatStopsIsCut() throws {
    var options = ServerOptions()
    options.readTimeout = 0.2
    options.tick = 20
    let flood = Flood()
    let server = try Self.server(flood, options)
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/stream"))
    #expect(eventually(seconds: 5) { flood.closes.load(ordering: .relaxed) == 1 })
    #expect(eventually { server.server.metrics.snapshot().connections == 0 })
  }
}
