import Glibc
import Linux
import Testing

/// What becomes of messages whose client goes.
@Suite struct QueueHangUpTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
    try client.queue("q")
  }

  /// Closed with something unread in it a socket is reset, else it ends in order: both ways of going.
  private func leave(_ connection: Connection, byReset: Bool) {
    if byReset {
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(connection.fd.raw, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
    }
    connection.fd.close()
  }

  @Test func aClientThatLeavesWhileItWaitsTakesNothing() throws {
    for endpoint in [daemon.tcp, daemon.socket] {
      let calls = Client(endpoint, token: daemon.token)
      var waiting = try (0..<200).map { number in
        try calls.waitForMessage("q", verb: ["get", "reserve", "get?max=5"][number % 3])
      }
      let areParked = try client.waiters("q", reach: 200)
      #expect(areParked)
      waiting.shuffle()
      for (number, connection) in waiting.dropFirst(10).enumerated() { leave(connection, byReset: number % 2 == 0) }
      // At once, whether the daemon has noticed them all or not.
      let texts = (0..<50).map { "\($0)" }
      for text in texts { #expect(try calls.putMessage("q", text, type: "application/json").status == 204) }
      var had: [String] = []
      for connection in waiting.prefix(10) {
        let stream = try #require(Stream(connection, isHead: false, seconds: 30))
        let body = String(decoding: stream.rest(), as: UTF8.self)
        had.append(Value(body)["value"].int.map(String.init) ?? body.filter { $0 != "\n" })
      }
      let isSettled = try eventually { try client.queueState("q")["waiters"] == .number(0) }
      #expect(isSettled)
      had += try client.drain("q")
      #expect(had.sorted() == texts.sorted(), "\(had.count) of 50")
      _ = try client.post("/v1/queues/q/purge")
    }
  }

  /// A body that is larger than what sockets hold: the kernel cannot have taken it all.
  @Test func aClientThatLeavesInTheMiddleOfAMessageHasNotHadIt() throws {
    let body = [UInt8](repeating: UInt8(ascii: "x"), count: 24 << 20)
    for (round, endpoint) in [daemon.tcp, daemon.socket, daemon.tcp, daemon.socket].enumerated() {
      let calls = Client(endpoint, token: daemon.token)
      #expect(try calls.request("POST", "/v1/queues/q/put", ["Content-Type": "text/plain"], body).status == 204)
      for deliveries in 0..<3 {
        let connection = try calls.waitForMessage("q")
        let stream = try #require(Stream(connection, isHead: false, seconds: 30))
        #expect(stream.headers["procession-deliveries"] == (deliveries == 0 ? nil : "\(deliveries)"))
        #expect(connection.bytes(1 << 20).count == 1 << 20)
        #expect(try client.queueState("q")["qsize"] == .number(0))
        leave(connection, byReset: round >= 2)
        let isBack = try eventually { try client.queueState("q")["qsize"] == .number(1) }
        #expect(isBack)
      }
      let whole = try calls.getMessage("q")
      #expect(whole.body.count == body.count && whole["procession-deliveries"] == "3")
      let isEmpty = try eventually { try client.queueState("q")["bytes"] == .number(0) }
      #expect(isEmpty)
    }
  }

  @Test func aBatchComesBackWholeAndInOrder() throws {
    let value = "\"" + String(repeating: "x", count: 1 << 20) + "\""
    let lines = (0..<12).map { "[\($0),\(value)]\n" }.joined()
    #expect(try client.putMessage("q", lines, type: "application/x-ndjson").status == 204)
    _ = try client.putMessage("q", "last")
    let connection = try client.waitForMessage("q", verb: "get?max=100")
    #expect(Stream(connection, isHead: false, seconds: 30)?.status == 200)
    leave(connection, byReset: false)
    let isBack = try eventually { try client.queueState("q")["qsize"] == .number(13) }
    #expect(isBack)
    let again = try client.getMessage("q", "?max=100")
    #expect(again.text == lines && again["procession-deliveries"] == "1")
    #expect(try client.getMessage("q").text == "last")
  }

  @Test func aReservationThatNobodyGotIsBackAtOnce() throws {
    let body = [UInt8](repeating: 0, count: 24 << 20)
    _ = try client.request("POST", "/v1/queues/q/put", [:], body)
    let connection = try client.waitForMessage("q", verb: "reserve")
    #expect(Stream(connection, isHead: false, seconds: 30)?.status == 200)
    leave(connection, byReset: true)
    let isBack = try eventually(within: 10) { try client.queueState("q")["qsize"] == .number(1) }
    #expect(isBack, "its lease is a minute")
    #expect(try client.queueState("q")["reserved"] == .number(0))
  }

  /// Half of the clients leave at any moment, the other half stays: what comes to those who stay, what is left, and at most one
  /// message for each who left are all that was put.
  @Test func inAStormOfClientsThatLeaveNothingIsHadTwice() throws {
    let had = Mutex<[String]>([])
    let left = Atomic(0), isOver = Atomic(false)
    let calls = Client(daemon.tcp, token: daemon.token)
    let leavers = try (0..<4).map { number in
      try Thread("leaver") {
        var round = number
        while !isOver.load(ordering: .relaxed) {
          guard let connection = try? calls.waitForMessage("q") else { continue }
          for _ in 0..<round % 40 { sched_yield() }
          leave(connection, byReset: round % 2 == 0)
          left.add(1, ordering: .relaxed)
          round += 7
        }
      }
    }
    let stayers = try (0..<4).map { _ in
      try Thread("stayer") {
        while let answer = try? calls.getMessage("q", ""), answer.status == 200 {
          had.withLock { $0.append(answer.text) }
        }
      }
    }
    let texts = (0..<3000).map { "\($0)" }
    for text in texts { #expect(try client.putMessage("q", text).status == 204) }
    isOver.store(true, ordering: .relaxed)
    for thread in leavers { thread.join() }
    _ = try client.post("/v1/queues/q/close")
    for thread in stayers { thread.join() }
    let all = had.withLock { $0 }
    #expect(Set(all).count == all.count)
    #expect(Set(all).isSubset(of: texts))
    #expect(all.count > 1000 && texts.count - all.count <= left.load(ordering: .relaxed))
    let end = try client.queueState("q")
    #expect(end["qsize"] == .number(0) && end["bytes"] == .number(0) && end["waiters"] == .number(0))
    #expect(daemon.descriptorCount < 50)
  }
}
