import Linux
import Testing

/// S34: a semaphore that every process sees.
@Suite("S34: Semaphore(num)") struct SemaphoreSharingTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  /// What a script says to call a semaphore on behalf of its process.
  private let s = """
    s() { curl -sS -X POST -H "Authorization: Bearer $PROCESSION_TOKEN" -H "Procession-Session: $PROCESSION_SESSION" \
      --fail-with-body $PROCESSION_URL/v1/semaphores/seats/$1; }

    """

  @Test func asManyProcessesGoOnAsItHasPermits() throws {
    #expect(try client.put("/v1/semaphores/seats", #"{"value":2}"#).status == 201)
    let log = daemon.data + "/log.txt"
    let scripts = try (0..<6).map { _ in
      try client.shell(
        s + "for i in 1 2 3; do s acquire >/dev/null; echo + >>\(log); sleep 0.02; echo - >>\(log); s release; done")
    }
    for name in scripts { #expect(try client.join(name)["exitcode"] == .number(0)) }
    var inside = 0, most = 0
    let steps = contents(of: log).split(separator: "\n")
    for step in steps {
      inside += step == "+" ? 1 : -1
      most = max(most, inside)
    }
    #expect(steps.count == 36 && inside == 0 && most == 2)
    #expect(try client.get("/v1/semaphores/seats").json["value"] == .number(2))
  }

  @Test func itIsMadeOnceByAllWhoWantIt() throws {
    let name = #""name":"worker","stdin":"pipe""#
    let script = """
      curl -sS -o /dev/null -w '%{http_code}' -X PUT -H "Authorization: Bearer $PROCESSION_TOKEN" --json '{"value":5}' \
      $PROCESSION_URL/v1/semaphores/seats
      """
    #expect(try client.result(of: script, name) == "201")
    #expect(try client.put("/v1/semaphores/seats", #"{"value":5}"#).status == 200)
    #expect(try client.put("/v1/semaphores/seats", #"{"value":6}"#).code == "AlreadyExists")
    #expect(try client.post("/v1/semaphores").json["name"] == .text("Semaphore-1"))
    #expect(try client.post("/v1/semaphores", #"{"value":0}"#).json["value"] == .number(0), "Semaphore(0) is legal")
    #expect(try client.post("/v1/semaphores", #"{"value":-1}"#).pointers == ["/value"])
    #expect(try client.get("/v1/state").json["semaphores"].items.count == 3)
    #expect(try client.get("/metrics").text.contains(#"procession_resources{kind="semaphores"} 3"#))
    #expect(try client.delete("/v1/semaphores/seats").status == 204)
    #expect(try client.get("/v1/semaphores/seats").status == 404)
  }
}

/// S35: `acquire()` takes one, `release()` gives one.
@Suite("S35: acquire() minus one, release() plus one") struct AcquireTests {
  let daemon: DaemonUnderTest
  let client: Client
  private let s = "/v1/semaphores/s"

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  private func value() throws -> Int? { try client.get(s).json["value"].int }

  @Test func eachChangesTheValueByOne() throws {
    _ = try client.put(s, #"{"value":2}"#)
    for left in [1, 0] {
      #expect(try client.post(s + "/acquire").json["acquired"] == .bool(true))
      #expect(try value() == left)
    }
    #expect(try client.post(s + "/acquire?block=false").json["acquired"] == .bool(false))
    let start = Deadline.now
    #expect(try client.post(s + "/acquire?timeout=0.2").json["acquired"] == .bool(false))
    #expect(Deadline.now >= start.advanced(seconds: 0.2))
    #expect(try value() == 0)
    // Beyond what it was at first, as in Python.
    for now in 1...3 {
      #expect(try client.post(s + "/release").status == 204)
      #expect(try value() == now)
    }
    #expect(try client.post(s + "/release", #"{"n":4}"#).status == 204)
    #expect(try value() == 7)
  }

  @Test func aBoundedOneIsNotReleasedTooOften() throws {
    _ = try client.put(s, #"{"value":1,"bounded":true}"#)
    let once = try client.post(s + "/release")
    #expect(once.status == 409 && once.code == "OverRelease")
    #expect(try client.post(s + "/acquire").json["token"] == .number(1))
    #expect(try client.post(s + "/release").status == 204)
    #expect(try client.post(s + "/release").code == "OverRelease")
  }

  @Test func aReleaseGoesToTheOneWhoWaitedLongest() throws {
    _ = try client.put(s, #"{"value":0}"#)
    var waiting: [Connection] = []
    for count in 1...20 {
      waiting.append(try client.send("POST", s + "/acquire"))
      let isParked = try eventually { try client.get(s).json["waiters"] == .number(Double(count)) }
      try #require(isParked)
    }
    let list = try client.get("/v1/waiters").json["waiters"]
    #expect(list.items.count == 20 && list[0]["kind"] == .text("semaphore") && list[0]["verb"] == .text("acquire"))
    for (index, connection) in waiting.enumerated() {
      #expect(try client.post(s + "/release").status == 204)
      let answer = try #require(Stream(connection, isHead: false, seconds: 30))
      #expect(Value(answer.rest())["token"] == .number(Double(index + 1)))
    }
  }

  /// Half of many clients leave while they wait: none of them takes anything.
  @Test func whoHangsUpTakesNothing() throws {
    _ = try client.put(s, #"{"value":0}"#)
    let waiting = try (0..<200).map { _ in try client.send("POST", s + "/acquire") }
    let areParked = try eventually { try client.get(s).json["waiters"] == .number(200) }
    try #require(areParked)
    for index in stride(from: 0, to: 200, by: 2) { waiting[index].fd.close() }
    let areGone = try eventually { try client.get(s).json["waiters"] == .number(100) }
    #expect(areGone)
    #expect(try client.post(s + "/release", #"{"n":150}"#).status == 204)
    for index in stride(from: 1, to: 200, by: 2) {
      let answer = try #require(Stream(waiting[index], isHead: false, seconds: 30))
      #expect(Value(answer.rest())["acquired"] == .bool(true))
    }
    #expect(try value() == 50)
  }
}
