import Glibc
import Linux
import Testing

/// How a daemon ends, and how one begins after it.
@Suite struct ShutdownTests {
  @Test func itAnswersWaitersEndsChildrenInOrderAndExits0() throws {
    let daemon = try DaemonUnderTest(["--grace=20"])
    let client = daemon.client
    let marks = daemon.data + "/marks"
    func script(_ word: String) -> String {
      "trap 'echo \(word) >> \(marks); exit 0' TERM; echo ready; while :; do sleep 0.02; done"
    }
    try #require(mkfifo(daemon.data + "/fifo", 0o600) == 0)
    let first = try client.shell(script("daemon"), #""daemon":true"#)
    let second = try client.shell("echo ready; read line < \(daemon.data)/fifo; echo waited >> \(marks)")
    try client.wait(for: "ready", from: first)
    try client.wait(for: "ready", from: second)
    let joiner = try client.send("POST", "/v1/processes/\(second)/join")
    let follower = try client.open("GET", "/v1/watch")
    let isParked = try eventually { try client.get("/v1/state").json["waiters"].int ?? 0 >= 1 }
    #expect(isParked)

    let began = Deadline.now
    daemon.send(SIGTERM)
    let answer = try #require(Stream(joiner, isHead: false, seconds: 20))
    #expect(answer.status == 503)
    #expect(answer.headers["retry-after"] != nil)
    #expect(Value(answer.rest())["code"] == .text("Draining"))
    // While it drains: probes are answered, work is refused.
    #expect(try client.get("/healthz").status == 200)
    #expect(try client.get("/readyz").status == 503)
    let refused = try client.post("/v1/processes", #"{"command":["/bin/true"]}"#)
    #expect(refused.status == 503 && refused.code == "Draining")
    #expect(eventually { contents(of: marks) == "daemon\n" })
    write(to: daemon.data + "/fifo")
    #expect(daemon.end(by: 0) == 0)
    #expect(contents(of: marks) == "daemon\nwaited\n")
    #expect(Deadline.now.nanoseconds - began.nanoseconds < 20_000_000_000)
    #expect(!names(in: daemon.data).contains("procession.sock"))
    _ = follower.rest(seconds: 5)
    #expect(daemon.log.contains(#""message":"stopped""#))
  }

  private func write(to fifo: String) {
    let fd = Descriptor(open(fifo, O_WRONLY | O_CLOEXEC))
    _ = Glibc.write(fd.raw, "\n", 1)
  }

  @Test func graceIsTheLongestThatChildrenMayTake() throws {
    let daemon = try DaemonUnderTest(["--grace=1"])
    let name = try daemon.client.shell("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    try daemon.client.wait(for: "ready", from: name)
    let pid = try daemon.client.process(name)["pid"].int
    #expect(isAlive(pid))
    let began = Deadline.now
    #expect(daemon.stop() == 0)
    #expect(!isAlive(pid))
    let seconds = Double(Deadline.now.nanoseconds - began.nanoseconds) / 1e9
    #expect(seconds > 0.9 && seconds < 10)
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func aDaemonWithoutWorkEndsAtOnce(_ number: CInt) throws {
    let daemon = try DaemonUnderTest(["--grace=60"])
    #expect(daemon.end(by: number) == 0)
  }

  @Test func aHangUpEndsNothing() throws {
    let daemon = try DaemonUnderTest()
    daemon.send(SIGHUP)
    daemon.send(SIGHUP)
    #expect(try daemon.client.get("/healthz").status == 200)
    #expect(daemon.stop() == 0)
  }

  @Test func anotherStartsWhereOneWasKilled() throws {
    let folder = try makeTemporaryFolder()
    defer { removeFolder(folder) }
    let killed = try DaemonUnderTest(data: folder)
    let token = killed.token
    let child = try killed.client.process(try killed.client.shell("trap '' TERM HUP; sleep 60; sleep 60"))["pid"].int
    #expect(isAlive(child))
    #expect(killed.end(by: SIGKILL) == -SIGKILL)
    #expect(names(in: folder).contains("procession.sock"))
    #expect(eventually { !isAlive(child) }, "children die with their daemon")

    let next = try DaemonUnderTest(data: folder)
    #expect(next.token == token)
    #expect(try next.client.get("/v1/processes").json["items"] == .array([]))
    #expect(try Client(next.tcp, token: token).get("/v1/processes").status == 200)
    #expect(next.stop() == 0)
  }

  @Test func twoDoNotShareASocket() throws {
    let daemon = try DaemonUnderTest()
    do {
      let second = try DaemonUnderTest(data: daemon.data)
      Issue.record("a second daemon started: \(second.greeting)")
    } catch let error as DaemonUnderTest.DidNotStart {
      #expect(error.code == 1)
      #expect(error.log.contains("another server listens on"))
    }
    #expect(try daemon.client.get("/healthz").status == 200)
  }
}
