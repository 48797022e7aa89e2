import CLinux
import Glibc
import Linux
import Testing

@testable import HTTP

/// Requests that wait for their reply.
@Suite struct ParkingTests {
  /// The replies that `GET /v1/wait` left, and how many of them were hung up.
  final class Waiting: Sendable {
    let replies = Linux.Mutex<[Reply]>([])
    let hangUps = Atomic(0)

    var count: Int { replies.withLock { $0.count } }

    func takeAll() -> [Reply] {
      replies.withLock { replies in
        defer { replies = [] }
        return replies
      }
    }

    var routes: [Route] {
      [
        Route(.get, "/v1/wait", "wait", audited: true) { [self] request in
          let reply = request.park()
          reply.onHangUp { self.hangUps.add(1, ordering: .relaxed) }
          replies.withLock { $0.append(reply) }
          return .parked(reply)
        },
        Route(.get, "/readyz", "ready", access: .open) { _ in .now(.text("ready")) },
        Route(.get, "/v1/now", "now") { _ in .now(.text("now")) },
      ]
    }
  }

  @Test func aReplyAnswersTheRequest() throws {
    let waiting = Waiting()
    let server = try TestServer(waiting.routes)
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/wait"))
    #expect(eventually { server.server.metrics.snapshot().parked == 1 })
    for reply in waiting.takeAll() {
      reply.send(.text("here"))
      reply.send(.text("again"))
    }
    #expect(client.response()?.text == "here")
    #expect(server.server.metrics.snapshot().parked == 0)
    #expect(waiting.hangUps.load(ordering: .relaxed) == 0)
    client.send(TestServer.head("GET /v1/now"))
    #expect(client.response()?.text == "now")
  }

  @Test func aReplySentBeforeTheHandlerReturnsNeedsNoSuspension() throws {
    let server = try TestServer([
      Route(.get, "/v1/wait", "wait") { request in
        let reply = request.park()
        reply.send(.text("early"))
        return .parked(reply)
      }
    ])
    #expect(try server.request("GET /v1/wait")?.text == "early")
  }

  @Test func aHangUpIsNoticedWithin50Milliseconds() throws {
    let waiting = Waiting()
    let server = try TestServer(waiting.routes)
    for round in 1...20 {
      var client: RawClient? = try server.connect()
      client?.send(TestServer.head("GET /v1/wait"))
      #expect(eventually { server.server.metrics.snapshot().parked == 1 })
      let start = Deadline.now
      client = nil
      #expect(eventually(seconds: 1) { waiting.hangUps.load(ordering: .relaxed) == round })
      #expect(Deadline.now.nanoseconds - start.nanoseconds < 50_000_000)
      waiting.takeAll().first?.send(.text("too late"))
      #expect(eventually { server.server.metrics.snapshot().connections == 0 })
    }
    #expect(server.observer.notes.withLock { $0 }.isEmpty)
    #expect(server.observer.audits.withLock { $0.map(\.status) } == Array(repeating: 0, count: 20))
  }

  @Test func aHangUpHandlerThatComesLateRunsAtOnce() {
    let reply = Reply()
    #expect(reply.hangUp())
    let ran = Atomic(false)
    reply.onHangUp { ran.store(true, ordering: .relaxed) }
    let didRun = ran.load(ordering: .relaxed)
    #expect(didRun)
  }

  /// Each round one thread sends while the loop still arms the reply.
  @Test func sendingRacesWithArming() throws {
    let waiting = Waiting()
    let server = try TestServer(waiting.routes)
    let isOver = Atomic(false)
    let sender = try Thread("sender") {
      while !isOver.load(ordering: .relaxed) {
        for reply in waiting.takeAll() { reply.send(.text("raced")) }
      }
    }
    let client = try server.connect()
    var answered = 0
    for _ in 0..<5000 {
      client.send(TestServer.head("GET /v1/wait"))
      if client.response()?.text == "raced" { answered += 1 }
    }
    isOver.store(true, ordering: .relaxed)
    sender.join()
    #expect(answered == 5000)
    #expect(server.server.metrics.snapshot().parked == 0)
  }

  /// Each round the client leaves while another thread sends: exactly one of the two counts.
  @Test func sendingRacesWithHangingUp() throws {
    let outcomes = Atomic(0)
    let waiting = Waiting()
    let routes = [
      Route(.get, "/v1/wait", "wait") { request in
        let reply = request.park()
        reply.onHangUp { outcomes.add(1, ordering: .relaxed) }
        waiting.replies.withLock { $0.append(reply) }
        return .parked(reply)
      }
    ]
    let server = try TestServer(routes)
    for _ in 0..<500 {
      let client = try server.connect()
      client.send(TestServer.head("GET /v1/wait"))
      while waiting.count == 0 { sched_yield() }
      let reply = waiting.takeAll()[0]
      let sender = try Thread("sender") { reply.send(.text("raced")) }
      shutdown(client.fd, CInt(SHUT_RDWR))
      sender.join()
    }
    #expect(eventually { server.server.metrics.snapshot().connections == 0 })
    #expect(server.server.metrics.snapshot().parked == 0)
    #expect(server.server.metrics.snapshot().inFlight == 0)
    let count = outcomes.load(ordering: .relaxed)
    #expect(count <= 500)
  }

  @Test func twoThousandAreAnsweredByOneBurst() throws {
    let waiting = Waiting()
    let server = try TestServer(waiting.routes)
    let clients = try (0..<2000).map { _ in try server.connect() }
    for client in clients { client.send(TestServer.head("GET /v1/wait")) }
    #expect(eventually { server.server.metrics.snapshot().parked == 2000 })
    for reply in waiting.takeAll() { reply.send(.text("burst")) }
    #expect(clients.allSatisfy { $0.response()?.text == "burst" })
    #expect(server.server.metrics.snapshot().parked == 0)
  }

  @Test func oneWaiterTooManyIsTurnedAway() throws {
    let waiting = Waiting()
    var options = ServerOptions()
    options.maxWaiters = 2
    let server = try TestServer(waiting.routes, options)
    let clients = try (0..<2).map { _ in try server.connect() }
    for client in clients { client.send(TestServer.head("GET /v1/wait")) }
    #expect(eventually { server.server.metrics.snapshot().parked == 2 })
    let response = try #require(try server.request("GET /v1/wait"))
    #expect(response.status == 429)
    #expect(response["retry-after"] == "1")
    #expect(waiting.hangUps.load(ordering: .relaxed) == 1)
    for reply in waiting.takeAll() { reply.send(.text("after all")) }
    #expect(clients.allSatisfy { $0.response()?.text == "after all" })
  }

  @Test func aWaitEndsAtMaxWaitAsIfTheClientHadHungUp() throws {
    let waiting = Waiting()
    var options = ServerOptions()
    options.maxWait = 0.05
    options.tick = 10
    let server = try TestServer(waiting.routes, options)
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/wait"))
    let response = try #require(client.response())
    #expect(response.status == 503)
    #expect(response["retry-after"] == "1")
    #expect(response.text.contains("MaxWait"))
    #expect(waiting.hangUps.load(ordering: .relaxed) == 1)
    client.send(TestServer.head("GET /v1/now"))
    #expect(client.response()?.text == "now", "the connection is still good")
  }

  @Test func drainingAnswersWhoeverWaits() throws {
    let waiting = Waiting()
    let server = try TestServer(waiting.routes)
    let waiter = try server.connect()
    let other = try server.connect()
    let probe = try server.connect()
    waiter.send(TestServer.head("GET /v1/wait"))
    for client in [other, probe] {
      client.send(TestServer.head("GET /v1/now"))
      #expect(client.response()?.text == "now")
    }
    #expect(eventually { server.server.metrics.snapshot().parked == 1 })
    server.server.drain()
    let response = try #require(waiter.response())
    #expect(response.status == 503)
    #expect(response.text.contains("Draining"))
    #expect(waiting.hangUps.load(ordering: .relaxed) == 1)
    other.send(TestServer.head("GET /v1/now"))
    let refused = try #require(other.response())
    #expect(refused.status == 503)
    #expect(refused["retry-after"] == "1")
    #expect(other.isClosed(within: 5))
    probe.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(probe.response()?.text == "ready")
  }

  @Test func stoppingWaitsForNobodyBeyondItsDeadline() throws {
    let server = try TestServer([
      Route(.get, "/v1/stream", "stream") { _ in .now(Response(200, .stream(SilentSource()))) }
    ])
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/stream"))
    _ = client.read { RawResponse($0) != nil }
    let start = Deadline.now
    server.server.stop(by: .after(seconds: 5))
    #expect(Deadline.now.nanoseconds - start.nanoseconds < 4_000_000_000)
    #expect(client.isClosed(within: 1))
  }
}

/// A body that never comes.
final class SilentSource: BodySource {
  func read(into buffer: UnsafeMutableRawBufferPointer, wake: @escaping @Sendable () -> Void) -> Pull { .parked }
  func close() {}
}
