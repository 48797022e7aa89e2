import Testing

/// S15: a queue that every process may put into and get from.
@Suite("S15: Queue(maxsize=0)") struct QueueSharingTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  /// What a shell script says to call a queue with the token that its process has.
  private let q = """
    q() { verb=$1; shift; curl -sS -X POST -H "Authorization: Bearer $PROCESSION_TOKEN" "$@" $PROCESSION_URL/v1/queues/tasks/$verb; }

    """

  @Test func processesShareItByName() throws {
    try client.queue("tasks")
    let consumers = try (0..<3).map { _ in
      try client.shell(q + "while m=$(q get --fail-with-body); do echo $m; done")
    }
    let producers = try (0..<3).map { number in
      try client.shell(q + "for i in 1 2 3 4 5; do q put --data-binary \(number).$i; done")
    }
    for name in producers { try client.join(name) }
    let isEmpty = try eventually { try client.queueState("tasks")["qsize"] == .number(0) }
    #expect(isEmpty)
    // Who waits for more learns that there is none.
    #expect(try client.post("/v1/queues/tasks/close").status == 204)
    var had: [String] = []
    for name in consumers {
      try client.join(name)
      let lines = try client.output(name).text.split(separator: "\n").map(String.init)
      // Each producer's messages come in its order to whoever gets them.
      for number in 0..<3 {
        let own = lines.filter { $0.hasPrefix("\(number).") }
        #expect(own == own.sorted())
      }
      had += lines.filter { !$0.contains("Closed") }
    }
    #expect(had.sorted() == (0..<3).flatMap { number in (1...5).map { "\(number).\($0)" } })
  }

  @Test func itIsMadeOnceByAllWhoWantIt() throws {
    let answers = try (0..<5).map { _ in try client.put("/v1/queues/tasks", #"{"maxsize":7}"#).status }
    #expect(answers == [201, 200, 200, 200, 200])
    #expect(try client.put("/v1/queues/tasks", "{}").code == "AlreadyExists")
    #expect(try client.post("/v1/queues").json["name"] == .text("Queue-1"))
    #expect(try client.post("/v1/queues").json["name"] == .text("Queue-2"))
    #expect(try client.get("/v1/queues?prefix=Queue").json["items"].items.count == 2)
    let state = try client.get("/v1/state").json["queues"]
    #expect(state.items.compactMap { $0["name"].text } == ["tasks", "Queue-1", "Queue-2"])
    #expect(try client.get("/metrics").text.contains(#"procession_resources{kind="queues"} 3"#))
  }

  @Test func withoutABoundItTakesWhatComes() throws {
    try client.queue("q")
    let lines = (0..<5000).map { "\($0)\n" }.joined()
    for _ in 0..<4 { #expect(try client.putMessage("q", lines, type: "application/x-ndjson").status == 204) }
    let state = try client.queueState("q")
    #expect(state["qsize"] == .number(20_000) && state["full"] == .bool(false) && state["maxsize"] == .number(0))
    var had = ""
    for _ in 0..<4 { had += try client.getMessage("q", "?max=5000").text }
    #expect(had == lines + lines + lines + lines)
  }

  @Test func whatAnyConnectionHasPutAnyOtherSees() throws {
    try client.queue("q")
    let other = Client(daemon.tcp, token: daemon.token)
    for number in 0..<200 {
      #expect(try client.putMessage("q", "\(number)").status == 204)
      #expect(try other.getMessage("q").text == "\(number)")
    }
  }
}

/// S16: put(obj, block, timeout).
@Suite("S16: put blocks when full") struct QueuePutTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
    try client.queue("q", #""maxsize":2"#)
    for text in ["a", "b"] { _ = try client.putMessage("q", text) }
  }

  @Test func itIsFullInTime() throws {
    for query in ["?timeout=0", "?timeout=0.1", "?block=false", "?block=false&timeout=60"] {
      let answer = try client.putMessage("q", "c", query: query)
      #expect(answer.status == 409 && answer.code == "Full", "\(query)")
    }
    #expect(try client.putMessage("q", "c", query: "?timeout=-1").pointers == ["?timeout"])
    #expect(try client.drain("q") == ["a", "b"])
  }

  @Test func itWaitsForRoomInTheOrderInWhichItCame() throws {
    var waiting: [(String, Connection)] = []
    for text in ["c", "d", "e", "f"] {
      waiting.append((text, try client.send("POST", "/v1/queues/q/put", [:], Array(text.utf8))))
      let isParked = try client.waiters("q", reach: waiting.count)
      #expect(isParked)
    }
    waiting[1].1.fd.close()  // Whoever leaves puts nothing.
    let isGone = try client.waiters("q", reach: 3)
    #expect(isGone)
    for expected in ["a", "b", "c", "e", "f"] { #expect(try client.getMessage("q", "?timeout=30").text == expected) }
    for index in [0, 2, 3] { #expect(Stream(waiting[index].1, isHead: false, seconds: 30)?.status == 204) }
    #expect(try client.queueState("q")["qsize"] == .number(0))
  }

  @Test func aBatchWaitsUntilAllOfItFits() throws {
    let batch = try client.send(
      "POST", "/v1/queues/q/put", ["Content-Type": "application/x-ndjson"], Array("1\n2".utf8))
    let isParked = try client.waiters("q", reach: 1)
    #expect(isParked)
    #expect(try client.getMessage("q").text == "a")
    #expect(try client.queueState("q")["waiters"] == .number(1), "there is room for one of two")
    #expect(try client.getMessage("q").text == "b")
    #expect(Stream(batch, isHead: false, seconds: 30)?.status == 204)
    #expect(try client.getMessage("q", "?max=2").text == "1\n2\n")
    #expect(try client.putMessage("q", "1\n2\n3", type: "application/x-ndjson").status == 422)
  }
}

/// S17: full(), empty(), qsize().
@Suite("S17: full, empty, qsize") struct QueueSizeTests {
  @Test func theyAreTrueAtEveryMoment() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    try client.queue("q", #""maxsize":2,"joinable":true"#)
    func expect(_ size: Double, full: Bool, empty: Bool, at location: SourceLocation = #_sourceLocation) throws {
      let state = try client.queueState("q")
      #expect(state["qsize"] == .number(size), sourceLocation: location)
      #expect(state["full"] == .bool(full) && state["empty"] == .bool(empty), sourceLocation: location)
    }
    try expect(0, full: false, empty: true)
    _ = try client.putMessage("q", "a")
    try expect(1, full: false, empty: false)
    _ = try client.putMessage("q", "b")
    try expect(2, full: true, empty: false)
    let receipt = try #require(try client.post("/v1/queues/q/reserve").json["receipt"].text)
    try expect(1, full: false, empty: false)
    #expect(try client.queueState("q")["reserved"] == .number(1))
    _ = try client.putMessage("q", "c")
    #expect(try client.post("/v1/queues/q/nack", #"{"receipt":"\#(receipt)"}"#).status == 204)
    try expect(3, full: true, empty: false)  // What comes back has a place.
    #expect(try client.post("/v1/queues/q/purge").json["purged"] == .number(3))
    try expect(0, full: false, empty: true)
    #expect(try client.queueState("q")["unfinished"] == .number(0))
  }
}

/// S18: get(block, timeout).
@Suite("S18: get blocks when empty") struct QueueGetTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
    try client.queue("q")
  }

  @Test func itIsEmptyInTime() throws {
    for query in ["?timeout=0", "?timeout=0.1", "?block=false", "?block=false&timeout=60", "?max=3&timeout=0"] {
      let answer = try client.getMessage("q", query)
      #expect(answer.status == 409 && answer.code == "Empty", "\(query)")
    }
    #expect(try client.getMessage("q", "?timeout=nan").pointers == ["?timeout"])
    #expect(try client.getMessage("none").status == 404)
  }

  @Test func whoCameFirstIsServedFirst() throws {
    var waiting: [Connection] = []
    for number in 0..<20 {
      waiting.append(try client.waitForMessage("q"))
      let isParked = try client.waiters("q", reach: number + 1)
      #expect(isParked)
    }
    for number in 0..<20 { _ = try client.putMessage("q", "\(number)") }
    for (number, connection) in waiting.enumerated() {
      let answer = try #require(Stream(connection, isHead: false, seconds: 30))
      #expect(answer.status == 200 && answer.rest() == Array("\(number)".utf8))
    }
  }

  @Test func eachMessageIsHadOnce() throws {
    let waiting = try (0..<100).map { _ in try client.waitForMessage("q") }
    let lines = (0..<100).map { "\($0)" }
    let isParked = try client.waiters("q", reach: 100)
    #expect(isParked)
    #expect(try client.putMessage("q", lines.joined(separator: "\n"), type: "application/x-ndjson").status == 204)
    let had = waiting.compactMap { connection in
      Stream(connection, isHead: false, seconds: 30).map { String(decoding: $0.rest(), as: UTF8.self) }
    }
    #expect(had.sorted() == lines.sorted())
  }

  @Test func aReservedMessageIsDoneWhenItIsAcknowledged() throws {
    _ = try client.putMessage("q", #"{"job":1}"#, type: "application/json")
    let first = try client.post("/v1/queues/q/reserve", #"{"lease":0.2}"#).json
    #expect(first["value"]["job"] == .number(1) && first["deliveries"] == .number(0))
    // Nobody renews it: it is the next to be had.
    let again = try client.getMessage("q", "?timeout=10")
    #expect(again.text == #"{"job":1}"# && again["procession-deliveries"] == "1")
    let late = try client.post("/v1/queues/q/ack", #"{"receipt":"\#(first["receipt"].text ?? "")"}"#)
    #expect(late.status == 409 && late.code == "NotOwner")
  }

  @Test func whatADeadProcessHadReservedComesBack() throws {
    _ = try client.putMessage("q", "work")
    let name = try client.shell(
      "curl -sS -X POST -H \"Authorization: Bearer $PROCESSION_TOKEN\" -H \"Procession-Session: $PROCESSION_SESSION\" "
        + "$PROCESSION_URL/v1/queues/q/reserve; echo; sleep 60")
    try client.wait(for: "receipt", from: name)
    #expect(try client.queueState("q")["reserved"] == .number(1))
    _ = try client.post("/v1/processes/\(name)/kill")
    let back = try client.getMessage("q", "?timeout=10")
    #expect(back.text == "work" && back["procession-deliveries"] == "1")
  }
}
