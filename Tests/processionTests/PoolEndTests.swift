import Glibc
import Testing

@Suite("S8: close(): no new work") struct PoolCloseTests {
  @Test func whatIsQueuedIsDoneAndNothingNewIsTaken() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    try client.pool("p", 2)
    let job = try client.job("p", "map_async", #"{"func":"nap","iterable":[0.1,0.1,0.1,0.1],"chunksize":1}"#)
    #expect(try client.post("/v1/pools/p/close").json["state"] == .text("closed"))
    let refused = try client.apply("p", "square", "[1]")
    #expect(refused.status == 409 && refused.code == "NotRunning")
    #expect(try client.post(job + "/get").json["value"] == Value("[0.1,0.1,0.1,0.1]"))
    #expect(try client.post("/v1/pools/p/close").status == 200)
  }

  @Test func terminateEndsAllThatIsOutstanding() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    try client.pool("p", 2)
    let items = Array(repeating: "1", count: 10_000).joined(separator: ",")
    let job = try client.job("p", "map_async", #"{"func":"nap","iterable":[\#(items)],"chunksize":1}"#)
    #expect(try client.post("/v1/pools/p/terminate").json["state"] == .text("terminated"))
    #expect(try client.post(job + "/get").code == "Cancelled")
    #expect(try client.post("/v1/pools/p/join?timeout=10").json["joined"] == .bool(true))
  }
}

@Suite("S9: join(): wait for all work, reap") struct PoolJoinTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
    try client.pool("p", 2)
  }

  @Test func itWaitsForTheWorkAndLeavesNoProcess() throws {
    let early = try client.post("/v1/pools/p/join")
    #expect(early.status == 409 && early.code == "StillRunning")
    let pids = try client.pids("p")
    let job = try client.job("p", "map_async", #"{"func":"nap","iterable":[0.3,0.3],"chunksize":1}"#)
    #expect(try client.post("/v1/pools/p/close").status == 200)
    #expect(try client.post("/v1/pools/p/join?timeout=0").json["joined"] == .bool(false))
    #expect(try client.post("/v1/pools/p/join").json["joined"] == .bool(true))
    #expect(try client.get(job).json["successful"] == .bool(true))
    #expect(pids.allSatisfy { kill(pid_t($0), 0) != 0 })
    #expect(try client.post("/v1/pools/p/join").json["joined"] == .bool(true))
  }

  @Test func aDeadWorkerDoesNotHangIt() throws {
    let job = try client.job("p", "apply_async", #"{"func":"os:_exit","args":[7]}"#)
    #expect(try client.post("/v1/pools/p/close").status == 200)
    #expect(try client.post("/v1/pools/p/join?timeout=10").json["joined"] == .bool(true))
    #expect(try client.post(job + "/get").code == "WorkerLostError")
  }

  @Test func theDaemonEndsWithJobsRunning() throws {
    _ = try client.job("p", "map_async", #"{"func":"nap","iterable":[30,30,30],"chunksize":1}"#)
    let pids = try client.pids("p")
    #expect(daemon.stop() == 0)
    #expect(pids.allSatisfy { kill(pid_t($0), 0) != 0 })
  }
}
