import Glibc
import Linux
import Testing

/// What becomes of what a client holds when it is no more.
@Suite struct OwnershipTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  private func post(_ path: String, for session: String, _ json: String? = nil) throws -> Answer {
    var headers = ["Procession-Session": session]
    if json != nil { headers["Content-Type"] = "application/json" }
    return try client.request("POST", path, headers, json.map { Array($0.utf8) })
  }

  /// In Python all of these stay locked for ever.
  @Test func whatAKilledProcessHeldIsFreeAtOnce() throws {
    _ = try client.put("/v1/locks/plain", "{}")
    _ = try client.put("/v1/locks/reentrant", #"{"reentrant":true}"#)
    _ = try client.put("/v1/semaphores/permits", #"{"value":3,"bounded":true}"#)
    _ = try client.put("/v1/sessions/heir", #"{"ttl":60}"#)
    let script = """
      a() { curl -sS --fail -X POST -H "Authorization: Bearer $PROCESSION_TOKEN" -H "Procession-Session: $PROCESSION_SESSION" \
        $PROCESSION_URL/v1/$1/acquire >/dev/null; }
      a locks/plain && a locks/reentrant && a locks/reentrant && a semaphores/permits && a semaphores/permits && \
        a semaphores/permits && echo ready
      exec sleep 60
      """
    let paths = ["locks/plain", "locks/reentrant", "semaphores/permits", "semaphores/permits", "semaphores/permits"]
    var seconds: [Double] = []
    for round in 0..<5 {
      let name = try client.shell(script)
      try client.wait(for: "ready", from: name)
      let process = try client.process(name)
      let session = try #require(process["session"].text)
      #expect(try client.get("/v1/sessions/" + session).json["holds"] == .number(3))
      #expect(try client.get("/v1/locks/reentrant").json["depth"] == .number(2))
      let holders = try client.get("/v1/waiters?session=" + session).json["holders"]
      #expect(holders.items.compactMap { $0["count"].int }.sorted() == [1, 2, 3])
      let waiting = try paths.map { path in
        try client.send("POST", "/v1/\(path)/acquire", ["Procession-Session": "heir"])
      }
      let areParked = try eventually { try client.get("/v1/sessions/heir").json["waiters"] == .number(5) }
      try #require(areParked)

      let start = Deadline.now
      kill(pid_t(try #require(process["pid"].int)), SIGKILL)
      let answers = try waiting.map { Value(try #require(Stream($0, isHead: false, seconds: 30)).rest()) }
      seconds.append(Double(Deadline.now.nanoseconds - start.nanoseconds) / 1e9)
      #expect(answers.allSatisfy { $0["acquired"] == .bool(true) && $0["abandoned"] == .bool(true) })
      #expect(answers[0]["token"] == .number(Double(2 * round + 2)), "a higher token than that of the one before")
      #expect(Set(answers[2...].compactMap { $0["token"].int }) == Set((6 * round + 4)...(6 * round + 6)))
      #expect(try client.get("/v1/sessions/" + session).status == 404)
      #expect(try client.process(name)["session"] == .null)
      for path in paths { #expect(try post("/v1/\(path)/release", for: "heir").status == 204) }
    }
    print("from the kill to the last of five answers: \(seconds.map { Int($0 * 1e6) }) us")
    #expect(seconds.sorted()[2] < 0.1)
  }

  @Test func aSessionThatNeverRenewsHoldsNothingForLong() throws {
    _ = try client.put("/v1/locks/l", "{}")
    #expect(try client.put("/v1/sessions/idle", #"{"ttl":0.2}"#).status == 201)
    #expect(try post("/v1/locks/l/acquire", for: "idle").json["acquired"] == .bool(true))
    let answer = try client.post("/v1/locks/l/acquire?timeout=10").json
    #expect(answer["acquired"] == .bool(true) && answer["abandoned"] == .bool(true))
    let late = try post("/v1/locks/l/release", for: "idle")
    #expect(late.status == 410 && late.code == "SessionEnded")
    #expect(try client.get("/v1/sessions/idle").status == 404)
    #expect(try client.post("/v1/locks/l/release").status == 204)
  }

  @Test func callsInItsNameRenewASession() throws {
    _ = try client.put("/v1/events/e", "{}")
    _ = try client.put("/v1/sessions/busy", #"{"ttl":0.5}"#)
    let end = Deadline.after(seconds: 1.2)
    while Deadline.now < end {
      #expect(try post("/v1/events/e/wait?timeout=0", for: "busy").status == 200)
      usleep(50_000)
    }
    // One that waits for longer than it could live.
    #expect(try post("/v1/events/e/wait?timeout=1.2", for: "busy").json["is_set"] == .bool(false))
    #expect(try client.post("/v1/sessions/busy/touch").json["ttl"] == .number(0.5))
    let isGone = try eventually { try client.get("/v1/sessions/busy").status == 404 }
    #expect(isGone)
  }

  @Test func aDeletedSessionFailsItsCallsAndLetsGo() throws {
    for name in ["a", "b"] { _ = try client.put("/v1/sessions/\(name)", "{}") }
    _ = try client.put("/v1/locks/l", #"{"reentrant":true}"#)
    _ = try client.put("/v1/semaphores/s", #"{"value":0}"#)
    _ = try post("/v1/locks/l/acquire", for: "a")
    let own = try client.send("POST", "/v1/semaphores/s/acquire", ["Procession-Session": "a"])
    let next = try client.send("POST", "/v1/locks/l/acquire", ["Procession-Session": "b"])
    let areParked = try eventually { try client.get("/v1/waiters").json["waiters"].items.count == 2 }
    try #require(areParked)
    #expect(try client.delete("/v1/sessions/a").status == 204)
    let failed = try #require(Stream(own, isHead: false, seconds: 30))
    #expect(failed.status == 410 && Value(failed.rest())["code"] == .text("SessionEnded"))
    let granted = try #require(Stream(next, isHead: false, seconds: 30))
    #expect(Value(granted.rest())["abandoned"] == .bool(true))
  }

  /// What a process may do with its token on behalf of others: nothing.
  @Test func aTokenDoesNotSpeakForForeignSessions() throws {
    _ = try client.put("/v1/sessions/operator", "{}")
    _ = try client.put("/v1/locks/l", "{}")
    let name = try client.shell("echo $PROCESSION_TOKEN $PROCESSION_SESSION; exec sleep 60")
    try client.wait(for: "\n", from: name)
    let words = try client.output(name).text.split(whereSeparator: \.isWhitespace).map(String.init)
    for endpoint in [daemon.tcp, daemon.socket] {
      let process = Client(endpoint, token: words[0])
      let refused = try process.request("POST", "/v1/locks/l/acquire", ["Procession-Session": "operator"])
      #expect(refused.status == 403 && refused.code == "Forbidden")
      #expect(try process.delete("/v1/sessions/operator").status == 403)
      #expect(try process.post("/v1/sessions/operator/touch").status == 403)
      #expect(try process.post("/v1/locks/l/release?force=true").status == 403)
      #expect(try process.request("POST", "/v1/locks/l/acquire", ["Procession-Session": words[1]]).status == 200)
      #expect(try process.request("POST", "/v1/locks/l/release", ["Procession-Session": words[1]]).status == 204)
      // Nor is its session anybody's but its own: only the header says who calls.
      #expect(try process.post("/v1/locks/l/acquire").json["acquired"] == .bool(true))
      #expect(try client.get("/v1/locks/l").json["owner"] == .null)
      #expect(try process.post("/v1/locks/l/release").status == 204)
    }
    _ = try client.post("/v1/processes/\(name)/kill")
    try client.join(name)
    #expect(try Client(daemon.tcp, token: words[0]).post("/v1/locks/l/acquire").status == 401)
  }
}
