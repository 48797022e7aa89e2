import CLinux
import Glibc
import Linux
import Testing

@testable import HTTP

/// Whoever hands something over with a response learns when the kernel did not take all of it.
@Suite struct UndeliveredTests {
  /// Answers with `size` bytes, at once or later, and counts what was not delivered.
  private final class Giver: Sendable {
    let undelivered = Atomic(0)
    let replies = Mutex<[Reply]>([])
    /// While it is set the handler keeps its request waiting, on the loop.
    let holdsBack = Atomic(false)

    func response(_ size: Int = 10) -> Response {
      var response = Response(200, contentType: "text/plain", .bytes(Bytes(count: size)))
      response.onUndelivered = { self.undelivered.add(1, ordering: .relaxed) }
      return response
    }

    var count: Int { undelivered.load(ordering: .relaxed) }

    func routes(_ size: Int = 10) -> [Route] {
      [
        Route(.get, "/v1/now", "now") { _ in
          while self.holdsBack.load(ordering: .acquiring) { sched_yield() }
          return .now(self.response(size))
        },
        Route(.get, "/v1/later", "later") { request in
          let reply = request.park()
          self.replies.withLock { $0.append(reply) }
          return .parked(reply)
        },
      ]
    }

    func takeReply() -> Reply? { replies.withLock { $0.popLast() } }
  }

  @Test func whatComesAfterAHangUpOrAnotherAnswer() {
    let giver = Giver()
    let left = Reply()
    #expect(left.hangUp())
    left.send(giver.response())
    #expect(giver.count == 1)
    let answered = Reply()
    answered.send(.text("first"))
    answered.send(giver.response())
    #expect(giver.count == 2)
  }

  @Test func whatIsGivenToAClientThatHasGoneWhileItWaited() throws {
    let giver = Giver()
    let server = try TestServer(giver.routes())
    for round in 1...200 {
      let client = try server.connect()
      client.send(TestServer.head("GET /v1/later"))
      var reply: Reply?
      #expect(
        eventually {
          reply = giver.takeReply()
          return reply != nil
        })
      // Whether the loop has seen it by then or not.
      shutdown(client.fd, CInt(SHUT_RDWR))
      reply?.send(giver.response())
      #expect(eventually { giver.count == round }, "round \(round)")
    }
    #expect(eventually { server.server.metrics.snapshot().connections == 0 })
    #expect(server.server.metrics.snapshot().parked == 0)
  }

  @Test func whatIsGivenToAClientThatHasGoneBeforeItWasRead() throws {
    let giver = Giver()
    let server = try TestServer(giver.routes())
    for round in 1...50 {
      giver.holdsBack.store(true, ordering: .releasing)
      let client = try server.connect()
      client.send(TestServer.head("GET /v1/now"))
      client.leave()
      giver.holdsBack.store(false, ordering: .releasing)
      #expect(eventually { giver.count == round }, "round \(round)")
    }
  }

  @Test func whatAClientLeavesInTheMiddleOf() throws {
    let giver = Giver()
    let server = try TestServer(giver.routes(64 << 20))
    for round in 1...5 {
      var client: RawClient? = try server.connect()
      client?.send(TestServer.head("GET /v1/now"))
      _ = client?.read { $0.count > 1 << 20 }
      client = nil
      #expect(eventually { giver.count == round }, "round \(round)")
    }
  }

  @Test func whatCannotBeSent() throws {
    let giver = Giver()
    let server = try TestServer([
      Route(.get, "/v1/bad", "bad") { _ in .now(giver.response().with("Bad Name", "x")) }
    ])
    #expect(try server.request("GET /v1/bad")?.status == 500)
    #expect(eventually { giver.count == 1 })
  }

  @Test func whatArrivedIsNotToldOf() throws {
    let giver = Giver()
    let server = try TestServer(giver.routes(1 << 20))
    for _ in 0..<20 {
      let response = try #require(try server.request("GET /v1/now"))
      #expect(response.body.count == 1 << 20)
    }
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/later"))
    #expect(eventually { giver.replies.withLock { !$0.isEmpty } })
    giver.takeReply()?.send(giver.response())
    #expect(client.response()?.body.count == 10)
    #expect(giver.count == 0)
  }
}
