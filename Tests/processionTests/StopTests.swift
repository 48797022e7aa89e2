import Glibc
import Linux
import Testing

/// `stop`: the whole tree is gone when it answers.
@Suite struct StopTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func itEndsByTheSignalAndWaits() throws {
    let name = try client.shell("trap 'sleep 0.3; exit 4' INT; echo ready; while :; do sleep 0.02; done")
    try client.wait(for: "ready", from: name)
    let answer = try client.post("/v1/processes/\(name)/stop", #"{"signal":"SIGINT"}"#).json
    #expect(answer["process"]["exitcode"] == .number(4))
    #expect(answer["process"]["state"] == .text("stopped"))
    #expect(answer["process"]["exit"]["reason"] == .text("stopped"))
    #expect(answer["killed"] == .array([]) && answer["survivors"] == .array([]))
    #expect(answer["ended"].items.contains(answer["process"]["pid"]))
  }

  /// One that has left its session, its parent and its group, and hears no SIGTERM, is still found and killed.
  @Test func nobodyEscapes() throws {
    let script = """
      stubborn='trap "" TERM; echo $$; while :; do sleep 0.05; done'
      setsid sh -c "sh -c '$stubborn' & exit"
      sh -c "$stubborn" &
      echo ready; sleep 60
      """
    let name = try client.shell(script)
    #expect(eventually { (try? client.output(name).text.split(separator: "\n").count) == 3 })
    let pids = try client.output(name).text.split(separator: "\n").compactMap { pid_t($0) }
    try #require(pids.count == 2)
    #expect(pids.allSatisfy { isAlive($0) })
    let answer = try client.post("/v1/processes/\(name)/stop", #"{"grace":0.3}"#).json
    #expect(!pids.contains { isAlive($0) })
    #expect(pids.allSatisfy { answer["killed"].items.contains(.number(Double($0))) }, "\(answer)")
    #expect(answer["survivors"] == .array([]))
    #expect(answer["process"]["exitcode"] == .number(-15))
    #expect(eventually { ProcEntry.children(of: daemon.pid).isEmpty })
  }

  @Test func oneThatHasEndedLosesItsDescendants() throws {
    let name = try client.shell("sleep 60 & echo $!")
    try client.join(name)
    let pid = pid_t(try client.output(name).text.dropLast())
    #expect(isAlive(pid.map(Int.init)))
    let answer = try client.post("/v1/processes/\(name)/stop")
    #expect(answer.status == 200 && answer.json["process"]["exitcode"] == .number(0))
    #expect(answer.json["process"]["state"] == .text("exited"))
    #expect(!isAlive(pid.map(Int.init)))
    let made = try client.post("/v1/processes", #"{"command":["/bin/true"],"start":false}"#)
    let early = try client.post("/v1/processes/\(made.json["name"].text ?? "")/stop")
    #expect(early.status == 409 && early.code == "NotRunning")
  }

  @Test func orphansAreReaped() throws {
    let name = try client.shell("(sh -c 'sleep 0.1; exit 3' &) ; exit 0", #""stdout":"null","stderr":"null""#)
    try client.join(name)
    // It became the daemon's child, and a child that ends is a zombie until it is reaped.
    #expect(eventually { ProcEntry.children(of: daemon.pid).isEmpty })
  }
}
