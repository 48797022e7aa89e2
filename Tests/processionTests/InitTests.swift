import Glibc
import Linux
import Testing

@Suite(.enabled(if: Container.isPermitted, "unshare --pid is not permitted here")) struct InitTests {
  @Test func orphansAreReapedAndAllEndsInOrder() throws {
    let container = try Container(["--grace=30"])
    let client = container.client
    let marks = container.daemon.data + "/marks"
    func serve(_ name: String, _ fields: String, code: Int = 0) throws {
      let script = "trap 'echo \(name) >> \(marks); exit \(code)' TERM; echo ready; while :; do sleep 0.02; done"
      let document =
        #"{"name":"\#(name)","command":["/bin/sh","-c","\#(script)"],"daemon":true,"ready":{"output":"^ready$"}\#(fields)}"#
      try #require(try client.post("/v1/processes", document).status == 201)
    }
    try serve("app", #","depends_on":[{"process":"db","condition":"ready"}],"restart":{"essential":true}"#, code: 7)
    try serve("db", "")
    let isReady = try eventually { try client.process("app")["is_ready"] == .bool(true) }
    try #require(isReady)
    #expect(try client.process("db")["pid"].int ?? 1000 < 1000, "its namespace is its own")

    // They would be seen: nobody reaps for a service that is stopped.
    let mortal = try client.start(["/bin/sleep", "1000"])
    kill(container.service, SIGSTOP)
    let pids = ProcEntry.children(of: container.service).map(\.pid)
    kill(try #require(pids.max()), SIGKILL)
    let isSeen = eventually { container.zombies == [pids.max()] }
    #expect(isSeen)
    kill(container.service, SIGCONT)
    try client.join(mortal)
    #expect(container.zombies == [])

    // A maker that leaves no zombies of its own.
    let maker = try client.start([
      "perl", "-e",
      #"$SIG{CHLD} = "IGNORE"; $| = 1; for (1..10000) { if (!fork) { fork; exit } wait } print "made\n"; sleep 1000"#,
    ])
    var looks = 0
    let isMade = try eventually(within: 100) {
      #expect(container.zombies == [])
      looks += 1
      return try client.output(maker).text == "made\n"
    }
    try #require(isMade)
    #expect(looks > 10)
    let areGone = eventually {
      ProcEntry.children(of: container.initial).map(\.pid) == [container.keeper]
        && ProcEntry.children(of: container.service).count == 3
    }
    #expect(areGone, "nothing is left but what the service started")
    #expect(try client.post("/v1/processes/\(maker)/kill").status == 200)
    try client.join(maker)
    #expect(container.stop() == 7)
    #expect(contents(of: marks) == "app\ndb\n")
  }

  /// Not root, no capability, nothing to write to but the data folder, and no /proc.
  @Test func itNeedsNothing() throws {
    let folder = try makeTemporaryFolder()
    defer { removeFolder(folder) }
    chown(folder, 65534, 65534)
    write("", to: folder + "/log")
    chown(folder + "/log", 65534, 65534)
    let bare =
      "mount --bind \(folder) \(folder) && mount -o remount,ro,bind / && mount -t tmpfs -o ro none /proc && exec \"$@\""
    let container = try Container(
      mounts: ["--mount"],
      before: ["/bin/sh", "-c", bare, "sh"] + [
        "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs",
      ], data: folder)
    let client = Client(container.daemon.tcp, token: container.daemon.token)
    let status = contents(of: "/proc/\(container.service)/status")
    #expect(field("CapBnd", in: status) == "0000000000000000" && field("Uid", in: status) == "65534 65534 65534 65534")
    #expect(try client.result(of: "id -u; ls /proc; echo x > /nothing || echo read-only") == "65534\nread-only\n")
    let name = try client.shell(
      "(sleep 0.05 &); trap 'exit 3' TERM; echo ready; while :; do sleep 0.02; done",
      #""restart":{"essential":true},"daemon":true"#)
    try client.wait(for: "ready", from: name)
    let isReaped = eventually { ProcEntry.children(of: container.initial).count == 1 }
    #expect(isReaped && container.zombies.isEmpty)
    let stubborn = try client.shell("trap '' TERM; sleep 100 & echo ready; wait; wait")
    try client.wait(for: "ready", from: stubborn)
    let stopped = try client.post("/v1/processes/\(stubborn)/stop", #"{"grace":0.1}"#).json
    #expect(stopped["process"]["state"] == .text("stopped") && stopped["survivors"] == .array([]))
    #expect(container.stop() == 3)
  }

  /// An orphan's parent is PID 1, and not the service.
  @Test func aRunawayIsFoundAndStopped() throws {
    let container = try Container()
    let client = container.client
    let name = try client.shell("(setsid sh -c 'echo $$; exec sleep 1000' &)")
    try client.join(name)
    try #require(try eventually { try client.output(name).text.hasSuffix("\n") })
    let runaway = try client.output(name).text.dropLast()
    let members = try client.get("/v1/processes/\(name)/tree").json["items"].items
    #expect(members.map { $0["pid"].int } == [Int(runaway)] && members.map { $0["ppid"].int } == [1])
    #expect(try client.post("/v1/processes/\(name)/stop").json["ended"].items.map(\.int) == [Int(runaway)])
    #expect(try client.get("/v1/processes/\(name)/tree").json["items"] == .array([]))
  }

  @Test func whatPidOneIsSentTheServiceGets() throws {
    let container = try Container()
    let client = container.client
    let watch = try client.open("GET", "/v1/watch")
    // What would end a process by default ends no PID 1, and so not the service either.
    let sender = try client.shell("echo $$; kill -SEGV 1; kill -PROF 1; kill -TSTP 1; kill -USR1 1; kill -RTMIN 1")
    try client.join(sender)
    let events = watch.events(until: "signal.received").map(\.data)
    let first = try #require(events.first { $0["type"] == .text("signal.received") })
    #expect(first["name"] == .text("SIGUSR1") && first["uid"].int == Int(getuid()))
    #expect(first["pid"].int == Int(try client.output(sender).text.dropLast()))
    let second = try #require(watch.events(until: "signal.received").last?.data)
    #expect(second["name"] == .text("SIGRTMIN"))
    #expect(try client.get("/healthz").status == 200)
    #expect(container.stop() == 0)
  }

  @Test func theContainerEndsWithTheService() throws {
    let container = try Container()
    #expect(container.end(container.service, by: SIGKILL) == 137)
    #expect(kill(container.initial, 0) == -1 && errno == ESRCH)
  }

  /// Nobody could tell of the service's end any more.
  @Test func theServiceEndsWithItsKeeper() throws {
    let container = try Container()
    #expect(container.end(container.keeper, by: SIGKILL) == 137)
    #expect(kill(container.service, 0) == -1 && errno == ESRCH)
  }

  @Test func itSaysWhatItCannotDo() throws {
    let folder = try makeTemporaryFolder()
    defer { removeFolder(folder) }
    chown(folder, 65534, 65534)
    let poor = ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/prlimit", "--nproc=1"]
    let error = #expect(throws: DaemonUnderTest.DidNotStart.self) { try Container(before: poor, data: folder) }
    #expect(error?.code == 1 && error?.log == "procession: fork: Resource temporarily unavailable\n")
  }
}
