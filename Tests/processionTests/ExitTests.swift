import Glibc
import Linux
import Testing

/// How processes end, and what is told of it.
@Suite struct ExitTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test(arguments: [(0, 0), (7, 7), (255, 255), (300, 44), (-1, 255)])
  func exitCodesAreModulo256(_ asked: Int, _ told: Int) throws {
    let name = try client.start(["/usr/bin/perl", "-e", "exit \(asked)"])
    #expect(try client.join(name)["exitcode"] == .number(Double(told)))
  }

  @Test func aSignalIsANegativeExitcode() throws {
    let name = try client.shell("sleep 60")
    #expect(try client.post("/v1/processes/\(name)/kill").status == 200)
    let ended = try client.join(name)
    #expect(ended["exitcode"] == .number(-9))
    #expect(ended["exit"]["signal"] == .text("SIGKILL"))
    #expect(ended["exit"]["code"] == .null)
    #expect(ended["exit"]["reason"] == .text("stopped"))
    #expect(ended["state"] == .text("stopped"))
  }

  @Test func aSignalOfItsOwnIsNotAStop() throws {
    let name = try client.shell("kill -SEGV $$")
    let ended = try client.join(name)
    #expect(ended["exitcode"] == .number(-11))
    #expect(ended["exit"]["reason"] == .text("signalled"))
    #expect(ended["state"] == .text("exited"))
  }

  @Test func aFailedStartSaysWhyAndLeavesNothing() throws {
    let missing = try client.post("/v1/processes", #"{"name":"x","command":["/no/such/file"]}"#)
    #expect(missing.status == 422 && missing.code == "SpawnError")
    #expect(missing["content-type"] == "application/problem+json")
    #expect(missing.json["errno"] == .text("ENOENT"))
    #expect(missing.json["step"] == .text("exec"))
    let folder = try client.post("/v1/processes", #"{"name":"x","command":["/bin/true"],"cwd":"/no/such"}"#)
    #expect(folder.json["errno"] == .text("ENOENT"))
    #expect(folder.json["step"] == .text("cwd"))
    let program = try client.post("/v1/processes", #"{"command":["/etc/passwd"]}"#)
    #expect(program.json["errno"] == .text("EACCES"))
    #expect(try client.get("/v1/processes").json["items"] == .array([]))
    #expect(ProcEntry.children(of: daemon.pid).isEmpty)
    // The name is free again.
    #expect(try client.post("/v1/processes", #"{"name":"x","command":["/bin/true"]}"#).status == 201)
  }

  @Test func endedProcessesAreTerminatedInVain() throws {
    let name = try client.shell("exit 3")
    try client.join(name)
    for verb in ["terminate", "kill"] {
      let answer = try client.post("/v1/processes/\(name)/\(verb)")
      #expect(answer.status == 200)
      // Whoever kills is told of the whole tree.
      let process = verb == "kill" ? answer.json["process"] : answer.json
      #expect(process["exitcode"] == .number(3))
      #expect(process["exit"]["reason"] == .text("exited"))
    }
    let late = try client.signal(name, "SIGTERM")
    #expect(late.status == 409 && late.code == "NotRunning")
  }

  @Test func aTimeoutEndsItAndSaysSo() throws {
    let name = try client.shell("sleep 60", #""timeout":{"seconds":0.2}"#)
    let ended = try client.join(name)
    #expect(ended["exit"]["reason"] == .text("timeout"))
    #expect(ended["exitcode"] == .number(-15))
    let stubborn = try client.shell(
      "trap '' TERM; while :; do sleep 0.05; done", #""timeout":{"seconds":0.3,"grace":0.2}"#)
    #expect(try client.join(stubborn)["exitcode"] == .number(-9))
    let quick = try client.shell("exit 0", #""timeout":{"seconds":60}"#)
    #expect(try client.join(quick)["exit"]["reason"] == .text("exited"))
  }

  @Test func resourcesAreCounted() throws {
    let name = try client.start(["/usr/bin/perl", "-e", "1 while times < 0.2"])
    let usage = try client.join(name)["exit"]["rusage"]
    #expect((usage["user_seconds"].number ?? 0) > 0.1)
    #expect((usage["max_rss"].int ?? 0) > 1 << 20)
  }
}
