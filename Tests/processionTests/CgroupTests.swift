import Glibc
import Linux
import Testing

/// Whether this machine gives the daemon cgroups to limit and to hold still with; it says why not.
private let isThere: Bool = {
  let daemon = try? DaemonUnderTest()
  let cgroups = (try? daemon?.client.get("/version").json["cgroups"]) ?? .null
  let isThere = cgroups["limits"].items.count == 3 && cgroups["freeze"] == .bool(true)
  if !isThere { print("skipped: of cgroups there is \(cgroups) here") }
  return isThere
}()

/// Limits of a process and all its descendants together, and trees that nobody escapes from.
@Suite(.serialized, .enabled(if: isThere, "the machine gives no cgroups")) struct CgroupTests {
  private static let chain = ["python3", "-c", "import os\nwhile True:\n  if os.fork(): os._exit(0)"]
  private static let eater = ["python3", "-c", "held = []\nwhile True: held.append(bytearray(1 << 20))"]

  @Test func whoWantsTooMuchMemoryIsToldSo() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let name = try client.start(Self.eater, #""limits":{"memory":50000000}"#)
    let exit = try client.join(name)["exit"]
    #expect(exit["reason"] == .text("oom") && exit["signal"] == .text("SIGKILL"))
    let watch = try client.open("GET", "/v1/processes/\(name)/events?after=0")
    #expect(watch.text(until: "oom").contains(#""reason":"oom""#))
  }

  @Test func limitsOfAClassHold() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let script = "for i in 1 2 3 4 5 6; do sleep 100 & done; echo all"
    let template = #"{"name":"Few","command":["/bin/sh","-c","\#(script)"],"limits":{"pids":4,"cpu":0.5}}"#
    #expect(try client.post("/v1/classes", template).status == 201)
    let made = try client.post("/v1/processes", #"{"name":"few","class":"Few","limits":{"memory":100000000}}"#)
    #expect(made.json["limits"] == Value(#"{"pids":4,"cpu":0.5,"memory":100000000}"#))
    try client.join("few")
    #expect(try !client.output("few", "stream=stdout").text.contains("all"))
    #expect(try client.post("/v1/processes/few/kill").json["ended"].items.count == 3)
  }

  @Test func aPoolsWorkersAreLimitedEachByItself() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let source = "def eat(n): return len(bytearray(n))"
    try client.pool("hungry", 2, source: source, #","limits":{"memory":60000000}"#)
    #expect(try client.apply("hungry", "eat", "[1000]").json["value"] == .number(1000))
    let lost = try client.apply("hungry", "eat", "[200000000]")
    #expect(lost.code == "WorkerLostError" && lost.text.contains("want of memory"))
    #expect(try client.apply("hungry", "eat", "[1000]").json["value"] == .number(1000), "a new one has taken its place")
  }

  @Test func aChainOfForksIsStoppedAndPaused() throws {
    let daemon = try DaemonUnderTest(["--cgroups=all"])
    let client = daemon.client
    for verb in ["stop", "kill"] {
      let name = try client.start(Self.chain)
      try client.join(name)
      let paused = try client.post("/v1/processes/\(name)/pause").json
      #expect(paused["running"] == .array([]) && !paused["paused"].items.isEmpty)
      #expect(try client.get("/v1/processes/\(name)/tree").text.contains(#""state":"frozen""#))
      let report = try client.post("/v1/processes/\(name)/\(verb)").json
      #expect(report["survivors"] == .array([]) && !report["ended"].items.isEmpty)
      #expect(try eventually { try client.get("/v1/processes/\(name)/tree").json["items"] == .array([]) })
    }
  }

  @Test func noneAreLeftOfWhoDied() throws {
    func start(_ daemon: DaemonUnderTest) throws -> Set<String> {
      let limits = #""daemon":true,"limits":{"memory":100000000,"pids":20,"cpu":1}"#
      let name = try daemon.client.shell("(setsid env -i sleep 100 &); cat /proc/self/cgroup; sleep 100", limits)
      try daemon.client.wait(for: "procession-", from: name)
      return folders(of: daemon)
    }
    let living = try DaemonUnderTest()
    let dying = try DaemonUnderTest()
    let kept = try start(living)
    let left = try start(dying)
    #expect(!left.isEmpty && left.count == kept.count && left.isDisjoint(with: kept))
    dying.end(by: SIGKILL)
    #expect(left.allSatisfy { access($0, F_OK) == 0 })

    let next = try DaemonUnderTest()
    #expect(left.allSatisfy { access($0, F_OK) == -1 })
    #expect(kept.allSatisfy { access($0, F_OK) == 0 })
    #expect(next.log.contains(#""message":"swept""#))
    #expect(living.stop() == 0 && next.stop() == 0)
    #expect(kept.allSatisfy { access($0, F_OK) == -1 })
  }

  /// The daemon's, as its only process sees them.
  private func folders(of daemon: DaemonUnderTest) -> Set<String> {
    let text = (try? daemon.client.get("/v1/processes/Process-1/output?stream=stdout").text) ?? ""
    let mounts = contents(of: "/proc/self/mountinfo").split(separator: "\n").map { $0.split(separator: " ") }
    var folders: Set<String> = []
    for line in text.split(separator: "\n") where line.contains("/procession-") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      let mount = mounts.first { mount in
        fields[1].isEmpty ? mount.contains("cgroup2") : mount.last == "rw,\(fields[1])" && mount.contains("cgroup")
      }
      if let mount { folders.insert("\(mount[4])\(fields[2].dropLast(2))") }  // Without that of the process.
    }
    return folders
  }

  @Test func withoutThemAllGoesOn() throws {
    let daemon = try DaemonUnderTest(["--cgroups=none"])
    let client = daemon.client
    #expect(try client.get("/version").json["cgroups"]["limits"] == .array([]))
    let refused = try client.post("/v1/processes", #"{"command":["/bin/true"],"limits":{"memory":1000000}}"#)
    #expect(refused.status == 422 && refused.pointers == ["/limits/memory"])
    let name = try client.start(["/bin/sleep", "100"])
    #expect(try client.post("/v1/processes/\(name)/pause").json["running"] == .array([]))
    #expect(try client.get("/v1/processes/\(name)/tree").json["items"][0]["state"] == .text("stopped"))
    #expect(try client.post("/v1/processes/\(name)/stop").json["survivors"] == .array([]))
  }
}
