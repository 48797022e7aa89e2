import Glibc
import Linux
import Testing

/// `os.kill(pid, sig)` of a process that is nobody's here.
@Suite("S25: os.kill(pid, sig)") struct ForeignPidTests {
  private func stranger() throws -> pid_t { try spawn(["/bin/sleep", "100"]) }

  private func startTime(_ pid: pid_t) throws -> Int {
    let line = contents(of: "/proc/\(pid)/stat")
    let end = try #require(line.lastIndex(of: ")"))
    return try #require(Int(line[end...].split(separator: " ")[20]))
  }

  @Test func aStrangerIsSignalledWhereThatIsAllowedOnly() throws {
    let pid = try stranger()
    var isReaped = false
    defer {
      if !isReaped {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
      }
    }
    let careful = try DaemonUnderTest()
    let refused = try careful.client.post("/v1/signals/send", #"{"signal":"KILL","pid":\#(pid)}"#)
    #expect(refused.status == 403 && refused.code == "Forbidden")
    #expect(isAlive(pid))

    let free = try DaemonUnderTest(["--allow-foreign-pids"])
    func send(_ more: String) throws -> Value {
      try free.client.post("/v1/signals/send", #"{"signal":"KILL","pid":\#(pid)\#(more)}"#).json["results"][0]
    }
    let started = try startTime(pid)
    #expect(try send(#","start_time":\#(started + 1)"#)["code"] == .text("NotFound"), "a later one of that number")
    #expect(isAlive(pid))
    let sent = try send(#","start_time":\#(started)"#)
    #expect(sent["sent"] == .bool(true) && sent["pid"].int == Int(pid) && sent["process"] == .null)
    var status: CInt = 0
    isReaped = waitpid(pid, &status, 0) == pid
    #expect(isReaped)
    #expect(status & 0x7f == SIGKILL)
    #expect(try send("")["code"] == .text("NotFound"))
  }

  @Test func oneOfItsOwnNeedsNoLeave() throws {
    let daemon = try DaemonUnderTest()
    let name = try daemon.client.shell("sleep 100")
    let pid = try #require(try daemon.client.process(name)["pid"].int)
    let sent = try daemon.client.post("/v1/signals/send", #"{"signal":9,"pid":\#(pid)}"#).json["results"][0]
    #expect(sent["sent"] == .bool(true) && sent["process"] == .text(name))
    #expect(try daemon.client.join(name)["exitcode"] == .number(-9))
    #expect(try daemon.client.post("/v1/signals/send", #"{"signal":9,"pid":\#(pid)}"#).status == 403)
  }
}

/// A pid that is another's now, in a PID namespace whose next pid can be chosen; the service is its first process.
@Suite("S25: a stranger that got the pid is never signalled") struct PidReuseTests {
  private static let namespace = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]

  /// Why the machine does not let us; nil when it does.
  private static let obstacle: String? = {
    let probe = "echo 5000 >/proc/sys/kernel/ns_last_pid"
    guard let ran = try? run(namespace + ["/bin/sh", "-c", probe]) else { return "there is no unshare" }
    return ran.code == 0 ? nil : ran.text
  }()

  @Test func strangersAreLeftAlone() throws {
    if let obstacle = Self.obstacle { return print("skipped: no PID namespace of our own: \(obstacle)") }
    let daemon = try DaemonUnderTest(before: Self.namespace)
    let client = daemon.client
    let first = try client.start(["/bin/sh", "-c", "sleep 0.1"], #""name":"first","timeout":{"seconds":2,"grace":0}"#)
    _ = try client.post("/v1/processes/\(first)/alarm", #"{"seconds":2}"#)
    try client.join(first)
    let pid = try #require(try client.process(first)["pid"].int)

    // A process whose number is that of the first.
    let taker = """
      trap 'echo signalled' TERM INT HUP USR1 ALRM CONT
      echo $((\(pid) - 1)) >/proc/sys/kernel/ns_last_pid; \
      setsid sh -c 'trap "echo hit" TERM INT HUP USR1 ALRM CONT; echo is $$; while :; do sleep 0.1; done'
      """
    var stranger = ""
    for attempt in 1...20 where stranger.isEmpty {
      let name = try client.start(["/bin/sh", "-c", taker], #""name":"taker-\#(attempt)""#)
      try client.wait(for: "is ", from: name)
      #expect(eventually { (try? client.output(name).text.hasSuffix("\n")) == true })
      if try client.output(name).text == "is \(pid)\n" {
        stranger = name
      } else {
        _ = try client.post("/v1/processes/\(name)/kill")
      }
    }
    try #require(!stranger.isEmpty, "somebody else took the number each time")

    for (path, document) in [
      ("signal", #"{"signal":"TERM"}"#), ("signal", #"{"signal":"INT","to":"group"}"#),
      ("signal", #"{"signal":"HUP","to":"tree"}"#), ("alarm", #"{"seconds":0.1}"#),
    ] {
      let answer = try client.post("/v1/processes/\(first)/\(path)", document)
      #expect(answer.status == 409 && answer.code == "NotRunning", "\(path): \(answer.text)")
    }
    for verb in ["terminate", "kill", "stop", "pause", "resume"] {
      let answer = try client.post("/v1/processes/\(first)/\(verb)")
      #expect(answer.status == 200, "\(verb): \(answer.text)")
      for list in ["ended", "paused", "resumed"] { #expect(answer.json[list].items.isEmpty, "\(verb)") }
    }
    #expect(try client.get("/v1/processes/\(first)/tree").json["items"].items.isEmpty)
    #expect(try client.post("/v1/signals/send", #"{"signal":"USR1","pid":\#(pid)}"#).status == 403)
    let named = try client.post("/v1/signals/send", #"{"signal":"USR1","processes":["\#(first)"]}"#)
    #expect(named.json["results"][0]["code"] == .text("NotRunning"))

    // Its timeout and its alarm would have rung by now.
    let wait = try client.shell("sleep 2.2")
    try client.join(wait)
    #expect(try client.output(stranger).text == "is \(pid)\n")
    #expect(try client.process(stranger)["is_alive"] == .bool(true))
    let tree = try client.get("/v1/processes/\(stranger)/tree").json["items"].items
    #expect(tree.contains { $0["pid"].int == pid && $0["state"] != .text("stopped") })
  }
}
