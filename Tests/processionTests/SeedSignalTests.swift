import Glibc
import Linux
import Testing

@Suite("S27: SIGINT, SIGQUIT, SIGKILL, SIGALRM, SIGSTOP, SIGTSTP, SIGCHLD") struct EverySignalTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test(arguments: ["SIGINT", "SIGQUIT", "SIGKILL", "SIGALRM"]) func theseEndAProcess(signal: String) throws {
    let name = try client.start(["/bin/sleep", "100"], #""limits":{"core":0}"#)
    #expect(try client.signal(name, signal).status == 200)
    #expect(try client.join(name)["exit"]["signal"] == .text(signal))
  }

  @Test func thisStopsIt() throws {
    let name = try client.start(["/bin/sleep", "100"])
    #expect(try client.signal(name, "SIGSTOP").status == 200)
    #expect(
      eventually { (try? client.get("/v1/processes/\(name)/tree").json["items"][0]["state"]) == .text("stopped") })
    #expect(try client.process(name)["is_alive"] == .bool(true))
  }

  @Test(arguments: ["TSTP", "CHLD"]) func theseReachAHandler(signal: String) throws {
    let name = try client.shell(
      "trap 'echo told' \(signal); echo ready; while :; do read line; done", #""stdin":"pipe""#)
    try client.wait(for: "ready\n", from: name)
    #expect(try client.signal(name, "SIG\(signal)").status == 200)
    // A shell tells of it when it is back at work.
    _ = try client.request("POST", "/v1/processes/\(name)/stdin", [:], Array("\n".utf8))
    try client.wait(for: "ready\ntold\n", from: name)
  }

  /// Where a terminal's shell does job control, ^Z is SIGTSTP, and its action is a stop.
  @Test func theKeyStopsTheForeground() throws {
    let script = "set -m; sleep 100; echo back; read line"
    let name = try client.shell(script, #""tty":{"rows":24,"cols":80}"#)
    func sleeper() throws -> Value? {
      try client.get("/v1/processes/\(name)/tree").json["items"].items.first { $0["command"][0] == .text("sleep") }
    }
    try #require(eventually { (try? sleeper()) != nil })
    // Until the shell has handed the terminal over the key is its own, and does nothing.
    let isStopped = try eventually {
      _ = try client.request("POST", "/v1/processes/\(name)/stdin", [:], [0x1A])
      return try sleeper()?["state"] == .text("stopped")
    }
    #expect(isStopped)
    try client.wait(for: "back", from: name)
  }
}

@Suite("S29: a signal interrupts nothing of the sender") struct AsynchronousSignalTests {
  @Test func theAnswerDoesNotWaitForTheHandler() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let script = "trap 'read go; echo handled' USR1; echo ready; while :; do sleep 0.02; done"
    let name = try client.shell(script, #""stdin":"pipe""#)
    try client.wait(for: "ready\n", from: name)
    // The handler waits for a line that comes only after the answer.
    #expect(try client.signal(name, "SIGUSR1").status == 200)
    #expect(try client.output(name).text == "ready\n")
    _ = try client.request("POST", "/v1/processes/\(name)/stdin", [:], Array("go\n".utf8))
    try client.wait(for: "ready\nhandled\n", from: name)
    // Nor does one that is stopped hold the sender up.
    _ = try client.signal(name, "SIGSTOP")
    #expect(try client.signal(name, "SIGTERM").json["is_alive"] == .bool(true))
    _ = try client.signal(name, "SIGCONT")
    #expect(try client.join(name)["exit"]["signal"] == .text("SIGTERM"))
  }
}

@Suite("S33: zombies: SIGCHLD is SIG_IGN") struct ZombieTests {
  /// Children that nobody joins, and orphans that nobody knows.
  @Test func thereAreNone() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    for index in 0..<50 {
      _ = try client.shell("for i in 1 2 3; do (setsid sh -c 'exit 3' &); done; exit 0", #""name":"p-\#(index)""#)
    }
    #expect(eventually { (try? client.get("/v1/processes?state=running").json["items"].items.isEmpty) == true })
    #expect(eventually { ProcEntry.children(of: daemon.pid).isEmpty }, "all 200 are reaped, and none is a zombie")
  }

  /// Python's own way: of a parent that ignores SIGCHLD no child becomes a zombie.
  @Test func aProcessMayIgnoreItToo() throws {
    let daemon = try DaemonUnderTest()
    let program = """
      import os, sys, time
      pid = os.fork()
      if pid == 0: os._exit(0)
      while os.path.exists(f"/proc/{pid}"): time.sleep(0.01)
      print("gone")
      """
    let command = ["/usr/bin/env", "python3", "-c", program]
    let name = try daemon.client.start(command, #""signals":{"SIGCHLD":"ignore"}"#)
    #expect(try daemon.client.join(name)["exitcode"] == .number(0))
    #expect(try daemon.client.output(name).text == "gone\n")
  }
}
