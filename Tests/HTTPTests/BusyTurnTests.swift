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

  @Test(arguments: [true, false]) func answersAreHeldBackByTCPAlone(_ isTCP: Bool) throws {
    let folder = try makeTemporaryFolder()
    defer { rmdir(folder) }
    let path = "\(folder)/s"
    let server = try TestServer(keeper.routes, at: [isTCP ? .tcp(host: "127.0.0.1", port: 0) : .unix(path: path)])
    let clients = try (0..<8).map { _ in try server.connect() }
    // The library sets options of its own, which pushes too, until it has learnt what a connection is like.
    for client in clients + clients {
      client.send(now)
      #expect(client.response()?.text == "now")
    }
    let stayers = try (0..<3).map { _ in try server.connect() }
    let isSeen = try (0..<20).contains { _ in try keepsTwoTurns(clients, stayers, isTCP) }
    #expect(isSeen)
  }

  /// A first turn makes the loop busy, the second one is. False when it took so long that the kernel may have sent them.
  private func keepsTwoTurns(_ clients: [RawClient], _ stayers: [RawClient], _ isTCP: Bool) throws -> Bool {
    var isKept = keeper.kept.load(ordering: .acquiring)
    func keep(with stayer: RawClient) throws {
      stayer.send(stay)
      if isKept > keeper.letGo.load(ordering: .relaxed) { keeper.goOn() }
      isKept += 1
      try #require(keeper.isKept(isKept))
    }
    try keep(with: stayers[0])
    for client in clients { client.send(now) }
    try keep(with: stayers[1])
    #expect(clients.allSatisfy { $0.hasBytes })
    for client in clients { #expect(client.response()?.text == "now") }
    for client in clients { client.send(now) }
    let began = Deadline.now.nanoseconds
    try keep(with: stayers[2])
    let answered = clients.map(\.hasBytes)
    let isQuick = Deadline.now.nanoseconds - began < 150_000_000
    if isQuick { #expect(answered.allSatisfy { $0 != isTCP }) }
    keeper.goOn()
    for client in clients { #expect(client.response()?.text == "now") }
    for client in stayers { #expect(client.response()?.text == "stayed") }
    return isQuick
  }

  /// The kernel would send them by itself after 200 ms.
  @Test func theTurnsEndSendsThem() throws {
    let server = try TestServer(keeper.routes)
    let clients = try (0..<40).map { _ in try server.connect() }
    let deadline = Deadline.after(seconds: 10)
    for _ in 0..<100 {
      for client in clients { client.send(now) }
      for client in clients { #expect(client.response()?.text == "now") }
    }
    #expect(deadline.secondsLeft > 0)
  }
}
