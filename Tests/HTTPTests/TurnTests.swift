import Glibc
import Linux
import Testing

@testable import HTTP

/// Whoever ends others' wait is answered after them: its own answer would wake its client, which held theirs up.
@Suite struct TurnTests {
  /// `GET /v1/wait` waits until `GET /v1/end`, whose answer counts when it was not delivered.
  private final class Bell: Sendable {
    let waiting = Mutex<[Reply]>([])
    let undelivered = Atomic(0)
    let hasBegun = Atomic(false)
    /// While it is set the handler keeps its request waiting, on the loop.
    let holdsBack = Atomic(false)

    var routes: [Route] {
      [
        Route(.get, "/v1/wait", "wait") { request in
          let reply = request.park()
          self.waiting.withLock { $0.append(reply) }
          return .parked(reply)
        },
        Route(.get, "/v1/end", "end") { _ in
          self.hasBegun.store(true, ordering: .releasing)
          while self.holdsBack.load(ordering: .acquiring) { sched_yield() }
          let replies = self.waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
          }
          for reply in replies { reply.send(.text("ended")) }
          var response = Response.text("\(replies.count)")
          response.onUndelivered = { self.undelivered.add(1, ordering: .relaxed) }
          return .now(response)
        },
        Route(.get, "/v1/now", "now") { _ in .now(.text("now")) },
      ]
    }
  }

  private let bell = Bell()

  /// Clients that wait.
  private func park(_ count: Int, at server: TestServer) throws -> [RawClient] {
    let clients = try (0..<count).map { _ in
      let client = try server.connect()
      client.send(TestServer.head("GET /v1/wait"))
      return client
    }
    try #require(eventually { server.server.metrics.snapshot().parked == count })
    return clients
  }

  @Test(arguments: 1...4) func thoseWhoWaitedComeFirst(_ count: Int) throws {
    let server = try TestServer(bell.routes)
    let ender = try server.connect()
    for _ in 0..<100 {
      let clients = try park(count, at: server)
      ender.send(TestServer.head("GET /v1/end"))
      #expect(ender.response()?.text == "\(count)")
      for client in clients {
        #expect(client.hasBytes, "it was sent before")
        #expect(client.response()?.text == "ended")
      }
    }
    #expect(server.server.metrics.snapshot().parked == 0 && bell.undelivered.load(ordering: .relaxed) == 0)
  }

  @Test func ofManyTheAnswersAreNotWaitedFor() throws {
    let server = try TestServer(bell.routes)
    let clients = try park(100, at: server)
    #expect(try server.request("GET /v1/end")?.text == "100")
    for client in clients { #expect(client.response()?.text == "ended") }
  }

  @Test func requestsThatFollowKeepTheirOrder() throws {
    let server = try TestServer(bell.routes)
    let ender = try server.connect()
    for _ in 0..<100 {
      let client = try park(1, at: server)[0]
      ender.send(TestServer.head("GET /v1/end") + TestServer.head("GET /v1/now") + TestServer.head("GET /v1/end"))
      let bytes = ender.read { bytes in String(decoding: bytes, as: UTF8.self).ranges(of: "HTTP/1.1 ").count == 3 }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(text.split(separator: "\r\n\r\n").dropFirst().map { $0.prefix { $0 != "H" } } == ["1", "now", "0"])
      #expect(client.response()?.text == "ended")
    }
  }

  @Test func whoeverHasLeftByItsTurnWasGivenNothing() throws {
    let server = try TestServer(bell.routes)
    for round in 1...50 {
      let client = try park(1, at: server)[0]
      bell.hasBegun.store(false, ordering: .relaxed)
      bell.holdsBack.store(true, ordering: .releasing)
      let ender = try server.connect()
      ender.send(TestServer.head("GET /v1/end"))
      try #require(eventually { bell.hasBegun.load(ordering: .acquiring) })
      ender.leave()
      bell.holdsBack.store(false, ordering: .releasing)
      #expect(client.response()?.text == "ended")
      #expect(eventually { bell.undelivered.load(ordering: .relaxed) == round })
    }
  }
}
