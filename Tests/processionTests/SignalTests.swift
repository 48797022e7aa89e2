import Glibc
import Linux
import Testing

/// S25: `kill -SIG PID`.
@Suite("S25: kill -SIG PID") struct SignalTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  private static let reporting =
    "for s in HUP INT USR1 USR2 TERM WINCH; do trap \"echo $s\" $s; done; echo ready; while :; do sleep 0.02; done"

  @Test func anySignalReachesTheProcess() throws {
    let name = try client.shell(Self.reporting)
    try client.wait(for: "ready\n", from: name)
    var told = "ready\n"
    for (sent, trapped) in [
      (#""SIGUSR1""#, "USR1"), (#""USR2""#, "USR2"), ("1", "HUP"), (#""SIGTERM""#, "TERM"), ("28", "WINCH"),
    ] {
      let answer = try client.post("/v1/processes/\(name)/signal", "{\"signal\":\(sent)}")
      #expect(answer.status == 200, "\(answer.text)")
      told += trapped + "\n"
      try client.wait(for: told, from: name)
    }
    // None of these is a stop, whatever the process makes of it.
    #expect(try client.process(name)["is_alive"] == .bool(true))
    #expect(try client.signal(name, "SIGKILL").status == 200)
    #expect(try client.join(name)["exit"]["reason"] == .text("signalled"))
  }

  @Test func stopAndContinueAreSignalsToo() throws {
    let name = try client.shell("sleep 60")
    let pid = pid_t(try #require(try client.process(name)["pid"].int))
    _ = try client.signal(name, "SIGSTOP")
    #expect(eventually { ProcEntry(pid)?.state == "T" })
    _ = try client.signal(name, "SIGCONT")
    #expect(eventually { ProcEntry(pid)?.state == "S" })
  }

  @Test(arguments: ["0", "-9", "65", "4294967311", "9.0", "null", "true", #""SIGNOPE""#, #""""#, #""99""#, "[9]"])
  func whatIsNoSignalIsRefused(_ signal: String) throws {
    let name = try client.shell("sleep 60")
    let answer = try client.post("/v1/processes/\(name)/signal", "{\"signal\":\(signal)}")
    #expect(answer.status == 422 && answer.pointers == ["/signal"], "\(answer.text)")
    #expect(try client.process(name)["is_alive"] == .bool(true))
  }

  @Test func aGroupIsSignalledAsOne() throws {
    let child = "trap 'echo child; exit' USR1; echo ready; while :; do sleep 0.02; done"
    let name = try client.shell("trap 'echo leader' USR1; (\(child)) & while :; do wait; done")
    try client.wait(for: "ready", from: name)
    _ = try client.signal(name, "SIGUSR1", to: "process")
    try client.wait(for: "leader", from: name)
    #expect(try !client.output(name).text.contains("child"))
    _ = try client.signal(name, "SIGUSR1", to: "group")
    try client.wait(for: "child", from: name)
  }

  @Test func aTreeIsSignalledThroughItsSessions() throws {
    let child = "trap 'echo child; exit' USR1; echo ready; while :; do sleep 0.02; done"
    let name = try client.shell("trap 'echo leader' USR1; setsid sh -c \"\(child)\" & while :; do wait; done")
    try client.wait(for: "ready", from: name)
    _ = try client.signal(name, "SIGUSR1", to: "group")
    try client.wait(for: "leader", from: name)
    #expect(try !client.output(name).text.contains("child"))
    _ = try client.signal(name, "SIGUSR1", to: "tree")
    try client.wait(for: "child", from: name)
  }

  @Test func anAlarmRingsOnceAndReplacesAnEarlierOne() throws {
    let name = try client.shell("trap 'echo ring' ALRM; while :; do sleep 0.02; done")
    func alarm(_ seconds: String) throws -> Answer {
      try client.post("/v1/processes/\(name)/alarm", "{\"seconds\":\(seconds)}")
    }
    #expect(try alarm("100").json["previous"] == .number(0))
    let left = try #require(try alarm("50.5").json["previous"].number)
    #expect(left > 50 && left <= 100)
    let rest = try #require(try alarm("0").json["previous"].number)
    #expect(rest > 0 && rest <= 50.5)
    #expect(try alarm("0.05").json["previous"] == .number(0))
    try client.wait(for: "ring\n", from: name)
    #expect(try alarm("0").json["previous"] == .number(0))
    #expect(try alarm("-1").pointers == ["/seconds"])
    #expect(try client.post("/v1/processes/\(name)/alarm", "{}").pointers == ["/seconds"])
    #expect(try client.output(name).text == "ring\n")
  }

  @Test func anAlarmDiesWithItsProcess() throws {
    let name = try client.shell("sleep 60")
    _ = try client.post("/v1/processes/\(name)/alarm", #"{"seconds":0.05}"#)
    #expect(try client.join(name)["exitcode"] == .number(-14))
    let late = try client.post("/v1/processes/\(name)/alarm", #"{"seconds":1}"#)
    #expect(late.status == 409 && late.code == "NotRunning")
  }

  @Test func aSignalMayBeIgnoredFromTheStart() throws {
    let name = try client.shell("grep SigIgn /proc/self/status", #""signals":{"SIGINT":"ignore","HUP":"ignore"}"#)
    let ended = try client.join(name)
    #expect(try client.output(name).text == "SigIgn:\t0000000000000003\n")
    #expect(ended["signals"] == Value(#"{"SIGHUP":"ignore","SIGINT":"ignore"}"#))
    let masked = try client.start(["/bin/grep", "SigBlk", "/proc/self/status"], #""mask":["INT","SIGUSR1"]"#)
    #expect(try client.join(masked)["mask"] == Value(#"["SIGINT","SIGUSR1"]"#))
    #expect(try client.output(masked).text == "SigBlk:\t0000000000000202\n")
    #expect(try client.post("/v1/processes", #"{"command":["true"],"mask":["KILL"]}"#).pointers == ["/mask/0"])
    let uncatchable = try client.post("/v1/processes", #"{"command":["true"],"signals":{"SIGKILL":"ignore"}}"#)
    #expect(uncatchable.pointers == ["/signals/SIGKILL"])
  }
}
