import Glibc
import Linux
import Testing

/// Whole trees: seen, paused, and ended to the last one.
@Suite struct TreeTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  private func rows(_ name: String) throws -> [Value] {
    try client.get("/v1/processes/\(name)/tree").json["items"].items
  }

  private static let program =
    String(#filePath.dropLast("processionTests/TreeTests.swift".count)) + "Programs/tree.py"

  /// Starts a tree of so many descendants, and returns its name and theirs pids.
  private func tree(of count: Int) throws -> (name: String, pids: Set<Int>) {
    let list = daemon.data + "/pids"
    unlink(list)
    let name = try client.start(["/usr/bin/env", "python3", Self.program, String(count), list])
    try #require(eventually(within: 60) { contents(of: list).contains("ready") })
    let pids = contents(of: list).split(separator: "\n").filter { $0.hasPrefix("+") }.compactMap { Int($0.dropFirst()) }
    try #require(Set(pids).count == count)
    return (name, Set(pids))
  }

  private func numbers(_ values: Value) -> Set<Int> { Set(values.items.compactMap(\.int)) }

  /// Two hundred that ignore SIGTERM, in sessions of their own, some without a parent, all without a descriptor.
  @Test(arguments: 1...3) func stopLeavesNobody(round: Int) throws {
    let (name, pids) = try tree(of: 200)
    #expect(pids.isSubset(of: try rows(name).compactMap { $0["pid"].int }))
    let start = Deadline.now
    let report = try client.post("/v1/processes/\(name)/stop", #"{"grace":1}"#).json
    let seconds = Double(Deadline.now.nanoseconds - start.nanoseconds) / 1e9
    #expect(!pids.contains { isAlive($0) })
    #expect(pids.isSubset(of: numbers(report["ended"])) && pids.isSubset(of: numbers(report["killed"])))
    #expect(report["survivors"] == .array([]))
    #expect(report["process"]["state"] == .text("stopped"))
    // The grace and what the killing takes: by itself it is a tenth of a second.
    #expect(seconds >= 1 && seconds < 5, "\(seconds)")
    #expect(try rows(name).isEmpty)
    #expect(eventually { ProcEntry.children(of: daemon.pid).isEmpty })
  }

  @Test func killTakesTheTreeAndWaits() throws {
    let (name, pids) = try tree(of: 30)
    let report = try client.post("/v1/processes/\(name)/kill").json
    #expect(!pids.contains { isAlive($0) })
    #expect(pids.isSubset(of: numbers(report["killed"])) && report["survivors"] == .array([]))
    #expect(report["process"]["exitcode"] == .number(-9) && report["process"]["state"] == .text("stopped"))
    #expect(try client.post("/v1/processes/\(name)/kill").json["ended"] == .array([]))
  }

  @Test func aRowTellsWhatAProcessIs() throws {
    let name = try client.shell("sleep 100 & exec sleep 200")
    #expect(eventually { (try? rows(name).map { $0["command"][0] }) == [.text("sleep"), .text("sleep")] })
    let items = try rows(name)
    let pid = try client.process(name)["pid"]
    #expect(items[0]["pid"] == pid && items[0]["ppid"].int == Int(daemon.pid))
    #expect(items[1]["ppid"] == pid && items[1]["pgid"] == pid && items[1]["sid"] == pid)
    #expect(items[0]["command"] == .array([.text("sleep"), .text("200")]))
    #expect(items.allSatisfy { $0["cpu_seconds"].number != nil })
    // A program that has just begun may have no memory on the kernel's books yet.
    #expect(eventually { (try? rows(name).allSatisfy { ($0["rss"].int ?? 0) > 0 }) == true })
    let made = try client.post("/v1/processes", #"{"name":"idle","command":["/bin/true"],"start":false}"#)
    #expect(made.status == 201)
    for path in ["pause", "resume", "kill"] {
      #expect(try client.post("/v1/processes/idle/\(path)").code == "NotRunning")
    }
    #expect(try client.get("/v1/processes/idle/tree").code == "NotRunning")
  }

  /// They fork as fast as they can while they are being stopped.
  @Test func aTreeThatForksIsPausedAsAWhole() throws {
    // Bounded, should nobody be there to end them.
    let forks = "for n in \\$(seq 3000); do setsid sh -c 'sleep 0.01; /bin/true' & sleep 0.002; done"
    let name = try client.shell("sh -c \"\(forks)\" & sh -c \"\(forks)\" & echo ready; wait")
    try client.wait(for: "ready", from: name)
    let report = try client.post("/v1/processes/\(name)/pause").json
    #expect(report["running"] == .array([]) && report["paused"].items.count >= 3)
    let states = Set(try rows(name).compactMap { $0["state"].text }).subtracting(["zombie"])
    #expect(states == ["stopped"])
    let resumed = try client.post("/v1/processes/\(name)/resume").json
    #expect(numbers(resumed["resumed"]) == numbers(report["paused"]))
    let known = numbers(report["paused"])
    #expect(eventually { (try? rows(name).contains { !known.contains($0["pid"].int ?? 0) }) == true }, "it goes on")
    let ended = try client.post("/v1/processes/\(name)/kill").json
    #expect(ended["survivors"] == .array([]))
    #expect(try rows(name).isEmpty)
  }

  @Test func whatIsDoneToATreeIsAnEvent() throws {
    let name = try client.shell("sleep 100 & sleep 100 & wait")
    #expect(eventually { (try? rows(name).count) == 3 })
    _ = try client.post("/v1/processes/\(name)/pause")
    _ = try client.post("/v1/processes/\(name)/resume")
    let events = try client.open("GET", "/v1/processes/\(name)/events").events(until: "process.resumed")
    let paused = try #require(events.first { $0.data["type"] == .text("process.paused") })
    #expect(paused.data["members"] == .number(3))
  }
}
