import Glibc
import Testing

@Suite("S3: creating many processes costs much: reuse them") struct PoolReuseTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func manyTasksAreDoneByAFewProcesses() throws {
    try client.pool("p", 2)
    let pids = try client.pids("p")
    let numbers = "[\((0..<500).map(String.init).joined(separator: ","))]"
    let seen = Set(try client.map("p", "pid", numbers, #","chunksize":1"#).json["value"].items.compactMap(\.int))
    #expect(pids.count == 2 && !seen.isEmpty && seen.isSubset(of: pids))
    #expect(try client.pids("p") == pids)
    #expect(try client.workers("p").reduce(0) { $0 + ($1["tasks"].int ?? 0) } == 500)
  }

  @Test func aWorkerIsReplacedAfterMaxtasksperchild() throws {
    try client.pool("p", 1, #","maxtasksperchild":2"#)
    let pids = try (0..<6).map { _ in try client.apply("p", "pid").json["value"].int }
    #expect(pids[0] == pids[1] && pids[2] == pids[3] && pids[4] == pids[5] && Set(pids).count == 3)
  }
}

@Suite("S4: Pool(processes)") struct PoolMakingTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func itHasSoManyWorkersAsAreAskedFor() throws {
    try client.pool("p", 3)
    let pool = try client.get("/v1/pools/p").json
    #expect(pool["state"] == .text("running") && pool["processes"] == .number(3))
    let pids = try client.pids("p")
    #expect(pids.count == 3 && pids.allSatisfy { kill(pid_t($0), 0) == 0 })
    #expect(try client.delete("/v1/pools/p").status == 204)
    #expect(eventually { pids.allSatisfy { kill(pid_t($0), 0) != 0 } })
    #expect(try client.get("/v1/pools/p").status == 404)
  }

  @Test func itHasOneForEachProcessorByDefault() throws {
    let made = try client.post("/v1/pools", #"{"worker":{"python":{}}}"#)
    #expect(made.status == 201 && made["location"] == "/v1/pools/Pool-1")
    #expect(made.json["workers"].items.count == sysconf(CInt(_SC_NPROCESSORS_ONLN)))
  }

  @Test func anInitializerRunsInEachWorker() throws {
    let source = "def begin(x):\n    global seen\n    seen = x\ndef look(): return seen"
    try client.pool("p", 2, source: source, #","initializer":"begin","initargs":[{"a":[1,2.50]}]"#)
    #expect(try client.apply("p", "look").json["value"] == Value(#"{"a":[1,2.5]}"#))
  }

  @Test func anInitializerThatFailsIsToldAndNothingIsLeft() throws {
    let failed = try client.post(
      "/v1/pools", #"{"name":"p","worker":{"python":{}},"initializer":"math:sqrt","initargs":[-1]}"#)
    #expect(failed.status == 409 && failed.code == "PoolBroken")
    #expect(failed.json["error"]["type"] == .text("ValueError"))
    #expect(try client.get("/v1/pools/p").status == 404)
  }

  @Test func fieldsAreChecked() throws {
    let bad = #"{"processes":0,"maxtasksperchild":0,"initargs":1,"worker":{"command":[]},"what":1}"#
    let answer = try client.post("/v1/pools", bad)
    #expect(answer.status == 422)
    #expect(Set(answer.pointers) == ["/processes", "/maxtasksperchild", "/initargs", "/worker/command", "/what"])
    let missing = try client.post("/v1/pools", #"{"worker":{"command":["/nonexistent"]}}"#)
    #expect(missing.status == 422 && missing.code == "SpawnError")
  }

  @Test func puttingAPoolIsCreateOrSame() throws {
    let settings = #"{"processes":1,"worker":{"python":{}}}"#
    #expect(try client.put("/v1/pools/p", settings).status == 201)
    #expect(try client.put("/v1/pools/p", settings).status == 200)
    #expect(try client.put("/v1/pools/p", #"{"processes":2,"worker":{"python":{}}}"#).code == "AlreadyExists")
  }

  @Test func itIsResizedAndRestartedWhileItRuns() throws {
    try client.pool("p", 1)
    let resized = try client.request(
      "PATCH", "/v1/pools/p", ["Content-Type": "application/json"], Array(#"{"processes":3}"#.utf8))
    #expect(resized.status == 200 && resized.json["processes"] == .number(3))
    #expect(try eventually { try client.pids("p").count == 3 })
    let old = try client.pids("p")
    #expect(try client.post("/v1/pools/p/restart").json["restarted"] == .bool(true))
    #expect(try eventually { try client.pids("p").count == 3 && client.pids("p").isDisjoint(with: old) })
    #expect(try client.apply("p", "square", "[3]").json["value"] == .number(9))
  }
}

@Suite("S7: apply, one after the other") struct PoolApplyTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
    try client.pool("p", 2)
  }

  @Test func itAnswersWithTheResult() throws {
    for number in 0..<5 {
      #expect(try client.apply("p", "square", "[\(number)]").json["value"] == .number(Double(number * number)))
    }
    #expect(try client.apply("p", "math:sqrt", "[16]").json["value"] == .number(4))
    #expect(try client.apply("p", "power", "[2]", #","kwds":{"y":10}"#).json["value"] == .number(1024))
  }

  @Test(arguments: [("os:_exit", "[3]"), ("os:abort", "[]")])
  func aWorkerThatDiesFailsItsOwnTask(_ function: String, _ args: String) throws {
    let lost = try client.apply("p", function, args)
    #expect(lost.status == 409 && lost.code == "WorkerLostError")
    #expect(try client.apply("p", "square", "[2]").json["value"] == .number(4))
    #expect(try eventually { try client.pids("p").count == 2 })
  }

  @Test func aWorkerThatIsKilledIsReplaced() throws {
    let job = try client.job("p", "map_async", #"{"func":"nap","iterable":[30,30],"chunksize":1,"on_error":"collect"}"#)
    #expect(try eventually { try client.workers("p").allSatisfy { $0["state"] == .text("busy") } })
    for pid in try client.pids("p") { kill(pid_t(pid), SIGKILL) }
    let errors = try client.post(job + "/get").json["errors"].items
    #expect(errors.count == 2)
    #expect(errors.allSatisfy { $0["error"]["signal"] == .text("SIGKILL") && $0["error"]["exitcode"] == .number(-9) })
  }

  @Test func fieldsAreChecked() throws {
    let bad = #"{"args":{},"kwds":[],"timeout":-1,"retries":-1,"what":1}"#
    #expect(try client.post("/v1/pools/p/apply", bad).status == 422)
    let named = #"{"func":"square","args":{},"kwds":[],"timeout":-1,"retries":-1,"what":1}"#
    let answer = try client.post("/v1/pools/p/apply", named)
    #expect(Set(answer.pointers) == ["/args", "/kwds", "/timeout", "/retries", "/what"])
    #expect(try client.post("/v1/pools/p/apply", "[1]").status == 400)
    #expect(try client.post("/v1/pools/nobody/apply", #"{"func":"f"}"#).status == 404)
  }

  @Test func whoeverGoesGivesItsTaskUp() throws {
    do {
      let gone = try client.send(
        "POST", "/v1/pools/p/map", ["Content-Type": "application/json"],
        Array(#"{"func":"nap","iterable":[0.1,30,30,30,30,30],"chunksize":1}"#.utf8))
      #expect(try eventually { try client.get("/v1/pools/p").json["queued"].int ?? 0 > 0 })
      withExtendedLifetime(gone) {}
    }
    #expect(try eventually { try client.get("/v1/pools/p").json["queued"] == .number(0) })
  }
}
