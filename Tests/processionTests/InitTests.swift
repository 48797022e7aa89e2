import Glibc
import Linux
import Testing

/// The daemon as PID 1 of a PID namespace of its own, as in a container.
private struct Container {
  let daemon: DaemonUnderTest
  let client: Client
  /// Its PID outside.
  let pid: pid_t

  static let unshare = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child"]
  /// Tests of others than root need a kernel that lets them make user namespaces, and then a mapping.
  static let isPermitted = (try? run(unshare + ["--mount-proc", "/bin/true"]).code == 0) ?? false

  /// `before` is run within it, and execs what follows.
  init(_ arguments: [String] = [], mounts: [String] = ["--mount-proc"], before: [String] = [], data: String? = nil)
    throws
  {
    daemon = try DaemonUnderTest(arguments, data: data, before: Self.unshare + mounts + before)
    client = daemon.client
    pid = try #require(ProcEntry.children(of: daemon.pid).first?.pid)
  }

  /// The children that have ended and are not reaped.
  var zombies: Set<pid_t> { Set(ProcEntry.children(of: pid).filter { $0.state == "Z" }.map(\.pid)) }

  /// Ends it by SIGTERM and returns its code.
  func stop() -> CInt {
    kill(pid, SIGTERM)
    return daemon.end(by: 0)
  }
}

@Suite(.enabled(if: Container.isPermitted, "unshare --pid is not permitted here")) struct InitTests {
  /// Each look is two, since one may fall between an end and the reaping that follows it at once.
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

    let maker = try client.shell("i=0; while [ $i -lt 10000 ]; do (: &); i=$((i + 1)); done; echo made; sleep 1000")
    var looks = 0
    let isMade = try eventually(within: 60) {
      let seen = container.zombies
      usleep(20_000)
      #expect(seen.intersection(container.zombies).isEmpty)
      looks += 1
      return try client.output(maker).text == "made\n"
    }
    try #require(isMade)
    #expect(looks > 0)
    let areGone = eventually { ProcEntry.children(of: container.pid).count <= 3 }
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
    let status = contents(of: "/proc/\(container.pid)/status")
    #expect(field("CapBnd", in: status) == "0000000000000000" && field("Uid", in: status) == "65534 65534 65534 65534")
    #expect(try client.result(of: "id -u; ls /proc; echo x > /nothing || echo read-only") == "65534\nread-only\n")
    let name = try client.shell(
      "(sleep 0.05 &); trap 'exit 3' TERM; echo ready; while :; do sleep 0.02; done",
      #""restart":{"essential":true},"daemon":true"#)
    try client.wait(for: "ready", from: name)
    let isReaped = eventually { container.zombies.isEmpty && ProcEntry.children(of: container.pid).count == 1 }
    #expect(isReaped)
    let stubborn = try client.shell("trap '' TERM; sleep 100 & echo ready; wait; wait")
    try client.wait(for: "ready", from: stubborn)
    let stopped = try client.post("/v1/processes/\(stubborn)/stop", #"{"grace":0.1}"#).json
    #expect(stopped["process"]["state"] == .text("stopped") && stopped["survivors"] == .array([]))
    #expect(container.stop() == 3)
  }
}
