import Linux
import Testing

/// `join`, and the other verbs of Python's `Process` in each of its states.
@Suite struct JoinTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func namesAreCountedAndNeverUsedAgain() throws {
    #expect(try client.shell("exit 0") == "Process-1")
    #expect(try client.shell("exit 0") == "Process-2")
    try client.join("Process-2")
    #expect(try client.delete("/v1/processes/Process-2").status == 204)
    #expect(try client.shell("exit 0") == "Process-3")
    // Somebody may have taken the next of them.
    #expect(try client.shell("exit 0", #""name":"Process-4""#) == "Process-4")
    #expect(try client.shell("exit 0") == "Process-5")
    let taken = try client.post("/v1/processes", #"{"name":"Process-1","command":["/bin/true"]}"#)
    #expect(taken.status == 409 && taken.code == "AlreadyExists")
  }

  @Test func aProcessIsStartedOnce() throws {
    let made = try client.post("/v1/processes", #"{"command":["/bin/true"],"start":false}"#)
    #expect(made.status == 201 && made["location"] == "/v1/processes/Process-1")
    #expect(made.json["state"] == .text("created"))
    #expect(made.json["pid"] == .null && made.json["exitcode"] == .null)
    for verb in ["join", "terminate", "kill"] {
      let early = try client.post("/v1/processes/Process-1/\(verb)")
      #expect(early.status == 409 && early.code == "NotRunning", "\(verb)")
    }
    #expect(try client.post("/v1/processes/Process-1/start").status == 200)
    let again = try client.post("/v1/processes/Process-1/start")
    #expect(again.status == 409 && again.code == "AlreadyStarted")
    #expect(try client.join("Process-1")["exitcode"] == .number(0))
    #expect(try client.post("/v1/processes/Process-1/start").status == 409)
  }

  @Test func aJoinThatTimesOutIsNoError() throws {
    let name = try client.shell("read line", #""stdin":"pipe""#)
    for query in ["timeout=0", "timeout=0.1", "block=false", "block=false&timeout=60"] {
      let answer = try client.post("/v1/processes/\(name)/join?\(query)")
      #expect(answer.status == 200 && answer.json["is_alive"] == .bool(true), "\(query)")
      #expect(answer.json["exitcode"] == .null)
    }
    for query in ["timeout=-1", "timeout=x", "timeout=", "timeout=nan", "block=maybe"] {
      let answer = try client.post("/v1/processes/\(name)/join?\(query)")
      #expect(answer.status == 422 && answer.pointers.count == 1, "\(query)")
    }
    #expect(try client.post("/v1/processes/\(name)/join?until=1").pointers == ["?until"])
  }

  @Test func manyJoinersAreAllAnswered() throws {
    let name = try client.shell("read line; exit 5", #""stdin":"pipe""#)
    let waiting = try (0..<200).map { _ in try client.send("POST", "/v1/processes/\(name)/join") }
    let areParked = try eventually { try client.get("/v1/state").json["processes"][0]["joiners"] == .number(200) }
    #expect(areParked)
    #expect(try client.request("POST", "/v1/processes/\(name)/stdin?close=true").status == 200)
    for connection in waiting {
      let answer = try #require(Stream(connection, isHead: false, seconds: 30))
      #expect(answer.status == 200 && Value(answer.rest())["exitcode"] == .number(5))
    }
    // And whoever comes later.
    #expect(try client.join(name)["exitcode"] == .number(5))
    #expect(try client.post("/v1/processes/\(name)/join?timeout=0").json["is_alive"] == .bool(false))
  }

  @Test func aJoinerThatHangsUpIsForgotten() throws {
    let name = try client.shell("read line", #""stdin":"pipe""#)
    func joiners() throws -> Int? { try client.get("/v1/state").json["processes"][0]["joiners"].int }
    let connection = try client.send("POST", "/v1/processes/\(name)/join")
    let isParked = try eventually { try joiners() == 1 }
    #expect(isParked)
    connection.fd.close()
    let isForgotten = try eventually { try joiners() == 0 }
    #expect(isForgotten)
  }

  @Test func deletingIsForProcessesThatHaveEnded() throws {
    let name = try client.shell("read line", #""stdin":"pipe""#)
    let early = try client.delete("/v1/processes/\(name)")
    #expect(early.status == 409 && early.code == "StillRunning")
    #expect(try client.post("/v1/processes/\(name)/kill").status == 200)
    try client.join(name)
    #expect(try client.delete("/v1/processes/\(name)").status == 204)
    let gone = try client.post("/v1/processes/\(name)/join")
    #expect(gone.status == 404 && gone.code == "NotFound")
    #expect(try client.delete("/v1/processes/\(name)").status == 404)
    #expect(try client.get("/v1/processes/\(name)").status == 404)
  }
}
