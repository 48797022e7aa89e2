import Testing

/// Conditions, events and barriers over a socket, with clients that come and go.
@Suite struct SynchronizationTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest(["--max-wait=30"])
    client = daemon.client
  }

  private func send(_ path: String, for session: String? = nil) throws -> Connection {
    try client.send("POST", "/v1/" + path, session.map { ["Procession-Session": $0] } ?? [:])
  }

  private func post(_ path: String, for session: String) throws -> Answer {
    try client.request("POST", "/v1/" + path, ["Procession-Session": session])
  }

  private func answer(_ connection: Connection) throws -> (status: Int, json: Value) {
    let stream = try #require(Stream(connection, isHead: false, seconds: 30))
    return (stream.status, Value(stream.rest()))
  }

  private func waiters(_ path: String, reach count: Int) throws {
    let isReached = try eventually { try client.get("/v1/" + path).json["waiters"].int == count }
    try #require(isReached, "\(path)")
  }

  @Test func aConditionWakesThoseWhoWaitInTurn() throws {
    _ = try client.put("/v1/conditions/c", "{}")
    for name in ["a", "b", "c"] { _ = try client.put("/v1/sessions/\(name)", "{}") }
    var waiting: [Connection] = []
    for (index, name) in ["a", "b"].enumerated() {
      for _ in 0...index { #expect(try post("conditions/c/acquire", for: name).status == 200) }
      waiting.append(try send("conditions/c/wait", for: name))
      try waiters("conditions/c", reach: index + 1)
    }
    #expect(try post("conditions/c/acquire", for: "c").status == 200)
    #expect(try post("conditions/c/notify_all", for: "c").status == 204)
    try waiters("locks/c.lock", reach: 2)
    #expect(try post("conditions/c/release", for: "c").status == 204)
    #expect(try answer(waiting[0]).json["notified"] == .bool(true))
    #expect(try post("conditions/c/release", for: "a").status == 204)
    #expect(try answer(waiting[1]).json["notified"] == .bool(true))
    #expect(try client.get("/v1/locks/c.lock").json["depth"] == .number(2))
  }

  /// The client that was notified is killed before it has the lock.
  @Test func aNotificationIsNotLostWithItsReceiver() throws {
    _ = try client.put("/v1/conditions/c", "{}")
    for name in ["a", "b", "c"] { _ = try client.put("/v1/sessions/\(name)", "{}") }
    var waiting: [Connection] = []
    for (index, name) in ["a", "b"].enumerated() {
      _ = try post("conditions/c/acquire", for: name)
      waiting.append(try send("conditions/c/wait", for: name))
      try waiters("conditions/c", reach: index + 1)
    }
    _ = try post("conditions/c/acquire", for: "c")
    _ = try post("conditions/c/notify", for: "c")
    try waiters("conditions/c", reach: 1)
    waiting[0].fd.close()
    try waiters("conditions/c", reach: 0)
    #expect(try post("conditions/c/release", for: "c").status == 204)
    #expect(try answer(waiting[1]).json["notified"] == .bool(true))
    #expect(try client.get("/v1/locks/c.lock").json["owner"] == .text("b"))
  }

  @Test func anEventWakesManyAtOnce() throws {
    _ = try client.put("/v1/events/e", "{}")
    let waiting = try (0..<100).map { _ in try send("events/e/wait") }
    try waiters("events/e", reach: 100)
    for index in 0..<50 { waiting[index].fd.close() }
    try waiters("events/e", reach: 50)
    #expect(try client.post("/v1/events/e/set").status == 204)
    #expect(try client.post("/v1/events/e/clear").status == 204)
    for index in 50..<100 { #expect(try answer(waiting[index]).json["is_set"] == .bool(true)) }
    #expect(try client.get("/v1/events/e").json["is_set"] == .bool(false))
  }

  @Test func aBarrierLosesNobodyToAHangUp() throws {
    _ = try client.put("/v1/barriers/b", #"{"parties":3}"#)
    for _ in 0..<3 {
      let gone = try send("barriers/b/wait"), first = try send("barriers/b/wait")
      try waiters("barriers/b", reach: 2)
      gone.fd.close()
      try waiters("barriers/b", reach: 1)
      let second = try send("barriers/b/wait")
      try waiters("barriers/b", reach: 2)
      let last = try client.post("/v1/barriers/b/wait")
      let indices = try [answer(first).json, answer(second).json, last.json].compactMap { $0["index"].int }
      #expect(indices.sorted() == [0, 1, 2])
    }
  }

  @Test func theLeaderOfABarrierThatDiesBreaksIt() throws {
    _ = try client.put("/v1/barriers/b", #"{"parties":2,"action":true}"#)
    let wait = """
      curl -sS -X POST -H "Authorization: Bearer $PROCESSION_TOKEN" -H "Procession-Session: $PROCESSION_SESSION" \
        $PROCESSION_URL/v1/barriers/b/wait; echo; exec sleep 60
      """
    let first = try client.shell(wait)
    try waiters("barriers/b", reach: 1)
    let leader = try client.shell(wait)
    try client.wait(for: #""leader":true"#, from: leader)
    #expect(try client.get("/v1/barriers/b").json["n_waiting"] == .number(1))
    _ = try client.post("/v1/processes/\(leader)/kill")
    try client.wait(for: "BrokenBarrierError", from: first)
    #expect(try client.get("/v1/barriers/b").json["broken"] == .bool(true))
    #expect(try client.post("/v1/barriers/b/reset").status == 204)
    #expect(try client.get("/v1/barriers/b").json["broken"] == .bool(false))
  }

  /// The service's own bound on waits is a hang-up, not a timeout: it takes nothing and breaks nothing.
  @Test func theBoundOnWaitsLeavesEverythingAsItWas() throws {
    let daemon = try DaemonUnderTest(["--max-wait=0.3"])
    let client = daemon.client
    _ = try client.put("/v1/barriers/b", #"{"parties":2}"#)
    _ = try client.put("/v1/conditions/c", "{}")
    _ = try client.put("/v1/sessions/s", "{}")
    _ = try client.put("/v1/semaphores/s", #"{"value":0}"#)
    _ = try client.request("POST", "/v1/conditions/c/acquire", ["Procession-Session": "s"])
    for path in ["barriers/b", "conditions/c"] {
      let answer = try client.request("POST", "/v1/\(path)/wait", ["Procession-Session": "s"])
      #expect(
        answer.status == 503 && answer.code == "MaxWait" && answer["retry-after"] != nil, "\(path): \(answer.text)")
    }
    #expect(try client.post("/v1/semaphores/s/acquire").code == "MaxWait")
    let barrier = try client.get("/v1/barriers/b").json
    #expect(barrier["broken"] == .bool(false) && barrier["n_waiting"] == .number(0))
    #expect(try client.get("/v1/locks/c.lock").json["locked"] == .bool(false))
    #expect(try client.get("/v1/sessions/s").json["waiters"] == .number(0))
    #expect(try client.get("/v1/semaphores/s").json["waiters"] == .number(0))
  }

  @Test func aDeletionAnswersAllWhoWait() throws {
    _ = try client.put("/v1/conditions/c", "{}")
    _ = try client.put("/v1/events/e", "{}")
    _ = try client.put("/v1/barriers/b", #"{"parties":2}"#)
    _ = try client.put("/v1/sessions/s", "{}")
    _ = try post("conditions/c/acquire", for: "s")
    for path in ["conditions/c", "events/e", "barriers/b"] {
      let waiting = try send("\(path)/wait", for: "s")
      try waiters(path, reach: 1)
      #expect(try client.delete("/v1/\(path)").status == 204)
      let answer = try answer(waiting)
      #expect(answer.status == 410 && answer.json["code"] == .text("Closed"), "\(path)")
    }
  }
}
