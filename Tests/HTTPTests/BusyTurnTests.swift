import Glibc
import Linux
import Testing

@testable import HTTP

/// What a loop answers in a busy turn is sent at its end.
@Suite struct BusyTurnTests {
  /// `GET /v1/stay` keeps the loop until it is let go on.
  private final class Keeper: Sendable {
    let kept = Atomic(0)
    let letGo = Atomic(0)

    var routes: [Route] {
      [
        Route(.get, "/v1/stay", "stay") { _ in
          let turn = self.kept.add(1, ordering: .acquiringAndReleasing).newValue
          while self.letGo.load(ordering: .acquiring) < turn { sched_yield() }
          return .now(.text("stayed"))
        },
        Route(.get, "/v1/now", "now") { _ in .now(.text("now")) },
      ]
    }

    func isKept(_ count: Int) -> Bool { eventually { kept.load(ordering: .acquiring) == count } }
    func goOn() { letGo.add(1, ordering: .releasing) }
  }

  private let keeper = Keeper()
  private let now = TestServer.head("GET /v1/now"), stay = TestServer.head("GET /v1/stay")

  /// Keeps the loop in a turn of `stayer`'s, which goes on from the one before.
  private func keep(with stayer: RawClient) throws {
    let turns = keeper.kept.load(ordering: .acquiring)
    try send(from: [stayer]) { _ in stay }
    if turns > keeper.letGo.load(ordering: .relaxed) { keeper.goOn() }
    try #require(keeper.isKept(turns + 1))
  }

  /// Each client sends its own. One turn can take all of them then.
  private func send(from clients: [RawClient], _ head: (Int) -> String) throws {
    for (index, client) in clients.enumerated() { client.send(head(index)) }
    try #require(eventually { clients.allSatisfy { $0.hasArrived } })
  }

  @Test(arguments: [true, false]) func answersAreHeldBackByTCPAlone(_ isTCP: Bool) throws {
    let folder = try makeTemporaryFolder()
    defer { rmdir(folder) }
    let path = "\(folder)/s"
    let server = try TestServer(keeper.routes, at: [isTCP ? .tcp(host: "127.0.0.1", port: 0) : .unix(path: path)])
    let clients = try (0..<8).map { _ in try server.connect() }
    let stayers = try (0..<3).map { _ in try server.connect() }
    for _ in 0..<20 {
      // A first turn makes the loop busy, the second one is.
      try keep(with: stayers[0])
      try send(from: clients) { _ in now }
      try keep(with: stayers[1])
      #expect(eventually { clients.allSatisfy { $0.hasBytes } })
      for client in clients { #expect(client.response()?.text == "now") }
      try send(from: clients) { _ in now }
      try keep(with: stayers[2])
      #expect(clients.allSatisfy { $0.hasBytes != isTCP })
      keeper.goOn()
      for client in clients { #expect(client.response()?.text == "now") }
      for client in stayers { #expect(client.response()?.text == "stayed") }
    }
  }

  @Test func thoseWhoHaveGoneMeanwhileAreToldApart() throws {
    let undelivered = Linux.Mutex<[Int]>([])
    let give = Route(.get, "/v1/give/{client}", "give") { request in
      let client = Int(request.parameter(0).text) ?? -1
      var response = Response.text("given")
      response.onUndelivered = { undelivered.withLock { $0.append(client) } }
      return .now(response)
    }
    let server = try TestServer(keeper.routes + [give])
    let stayers = try (0..<3).map { _ in try server.connect() }
    for round in 1...20 {
      let clients = try (0..<8).map { _ in try server.connect() }
      try keep(with: stayers[0])
      try send(from: clients) { _ in now }
      try keep(with: stayers[1])
      try send(from: clients) { TestServer.head("GET /v1/give/\($0)") }
      // The answers are held back when they leave.
      try keep(with: stayers[2])
      for client in clients[..<3] { client.leave() }
      keeper.goOn()
      for client in clients[3...] {
        let answers = client.read { $0.suffix(5).elementsEqual("given".utf8) }
        #expect(answers.suffix(5).elementsEqual("given".utf8))
      }
      for client in stayers { #expect(client.response()?.text == "stayed") }
      #expect(eventually { undelivered.withLock { $0.count >= 3 } }, "round \(round)")
      #expect(undelivered.withLock { $0.sorted() } == [0, 1, 2], "round \(round)")
      undelivered.withLock { $0 = [] }
    }
    #expect(eventually { server.server.metrics.snapshot().connections == 3 })
  }

  /// While the loop is busy with others, so that most of what there is room for is held back.
  @Test func whoeverReadsNothingLosesNothing() throws {
    let handled = Atomic(0), isOver = Atomic(0), count = 2_500
    let echo = Route(.get, "/v1/echo/{number}", "echo") { request in
      handled.add(1, ordering: .relaxed)
      return .now(.text(request.parameter(0).text + String(repeating: ".", count: 2000)))
    }
    let server = try TestServer([echo] + keeper.routes)
    let others = try (0..<8).map { _ in
      try Thread("other") { [now, address = server.server.addresses[0]] in
        guard let client = try? RawClient(address) else { return }
        while isOver.load(ordering: .relaxed) == 0, client.send(now), client.response() != nil {}
      }
    }
    let senders = try (0..<6).map { _ in try server.connect() }
    let sending = try senders.map { sender in
      let fd = sender.fd
      return try Thread("sender") {
        for index in 0..<count {
          #expect(RawClient.send(Array(TestServer.head("GET /v1/echo/\(index)").utf8), on: fd))
        }
      }
    }
    // Until the kernel takes no more.
    var last = 0
    #expect(
      eventually {
        defer { last = handled.load(ordering: .relaxed) }
        usleep(100_000)
        return last > 0 && handled.load(ordering: .relaxed) == last
      })
    #expect(last < senders.count * count)
    for sender in senders {
      let all = sender.read(seconds: 60) { $0.suffix(2004).starts(with: "\(count - 1).".utf8) }
      let pieces = String(decoding: all, as: UTF8.self).split(separator: "\r\n\r\n").dropFirst()
      #expect(pieces.map { Int($0.prefix { $0 != "." }) } == Array(0..<count))
    }
    isOver.store(1, ordering: .relaxed)
    for thread in others + sending { thread.join() }
  }

  @Test func aConnectionThatIsToBeClosedIsAnsweredFirst() throws {
    let server = try TestServer(keeper.routes)
    let stayers = try (0..<2).map { _ in try server.connect() }
    let clients = try (0..<8).map { _ in try server.connect() }
    let last = try (0..<8).map { _ in try server.connect() }
    try keep(with: stayers[0])
    for client in clients { client.send(now) }
    try keep(with: stayers[1])
    for client in last { client.send(TestServer.head("GET /v1/now", "Connection: close\r\n")) }
    keeper.goOn()
    for client in last {
      #expect(client.response()?.text == "now")
      #expect(client.isClosed(within: 10))
    }
  }
}
