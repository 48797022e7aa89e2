import CLinux
import Glibc
import Linux
import Testing

/// What a child has of its daemon, and what it has not.
@Suite struct InheritanceTests {
  /// A daemon that was itself started by careless hands, with SIGINT ignored, SIGTERM blocked and descriptors left open.
  @Test func signalsAndDescriptorsAreThoseOfANewProcess() throws {
    let careless = "use POSIX; $SIG{INT} = 'IGNORE'; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM)); exec @ARGV"
    let leak = try Pipe()
    let daemon = try DaemonUnderTest(
      before: ["/usr/bin/perl", "-e", careless], descriptors: [(leak.write.raw, 10), (leak.write.raw, 251)])
    let own = contents(of: "/proc/\(daemon.pid)/status")
    #expect(field("SigBlk", in: own) != "0000000000000000", "the daemon was not started as it should be")
    #expect(names(in: "/proc/\(daemon.pid)/fd").contains("251"), "the daemon has not what its child must not have")

    let client = daemon.client
    // No shell: it blocks signals itself for a moment.
    let name = try client.start(["/bin/sleep", "60"])
    let pid = try #require(try client.process(name)["pid"].int)
    #expect(eventually { names(in: "/proc/\(pid)/fd").sorted() == ["0", "1", "2"] })
    let status = contents(of: "/proc/\(pid)/status")
    #expect(field("SigBlk", in: status) == "0000000000000000")
    #expect(field("SigIgn", in: status) == "0000000000000000")
    #expect(field("SigPnd", in: status) == "0000000000000000")
    #expect(try client.post("/v1/processes/\(name)/terminate").status == 200)
    #expect(try client.join(name)["exitcode"] == .number(-15))
  }

  @Test func theEnvironmentIsBuiltFromNothing() throws {
    let daemon = try DaemonUnderTest(
      environment: ["AWS_SECRET=x", "PROCESSION_MAX_WAITERS=77", "HOME=/root", "USER=root", "SHLVL=3"])
    let client = daemon.client
    let name = try client.start(["/usr/bin/env"], #""env":{"A":"1","B":"x=y\n2"}"#)
    try client.join(name)
    let lines = try client.output(name).text.split(separator: "\n").map(String.init)
    let variables = lines.filter { $0 != "2" }.map { String($0.prefix { $0 != "=" }) }
    #expect(
      Set(variables) == [
        "PATH", "LANG", "HOME", "USER", "A", "B", "PROCESSION_PROCESS", "PROCESSION_TOKEN", "PROCESSION_URL",
        "PROCESSION_SOCKET", "PROCESSION_SESSION", "PROCESSION_INSTANCE",
      ])
    #expect(lines.contains("A=1") && lines.contains("B=x=y") && lines.contains("2"))
    #expect(lines.contains("PROCESSION_PROCESS=\(name)"))
    #expect(!lines.contains { $0.contains(daemon.token) })

    let heir = try client.start(["/usr/bin/env"], #""inherit_env":true,"env":{"SHLVL":"9"}"#)
    try client.join(heir)
    let inherited = try client.output(heir).text
    #expect(inherited.contains("AWS_SECRET=x\n") && inherited.contains("SHLVL=9\n"))
    #expect(!inherited.contains("PROCESSION_MAX_WAITERS") && !inherited.contains(daemon.token))
  }

  @Test func folderAndMaskAreAsAskedFor() throws {
    let client = try DaemonUnderTest()
    #expect(try client.client.result(of: "pwd; umask", #""cwd":"/usr/bin","umask":"027""#) == "/usr/bin\n0027\n")
    #expect(try client.client.result(of: "umask", #""umask":63"#) == "0077\n")
  }

  @Test func theUserIsWhollyAnother() throws {
    try #require(geteuid() == 0, "only root can become somebody else")
    let daemon = try DaemonUnderTest()
    let status = try daemon.client.result(
      of: "cat /proc/self/status; echo HOME: $HOME; touch /etc/x 2>/dev/null || echo Denied: yes", #""user":"nobody""#)
    #expect(field("Uid", in: status) == "65534 65534 65534 65534")
    #expect(field("Gid", in: status) == "65534 65534 65534 65534")
    #expect(field("Groups", in: status) == "65534")
    #expect(field("NoNewPrivs", in: status) == "1")
    #expect(field("CapEff", in: status) == "0000000000000000")
    #expect(field("HOME", in: status) == "/nonexistent")
    #expect(field("Denied", in: status) == "yes")
    let unknown = try daemon.client.post("/v1/processes", #"{"command":["/bin/true"],"user":"no-such-user"}"#)
    #expect(unknown.status == 422 && unknown.pointers == ["/user"])
  }

  @Test func limitsHold() throws {
    let daemon = try DaemonUnderTest()
    let limits = #"{"cpu_seconds":5,"address_space":1073741824,"open_files":50,"file_size":1000,"core":0}"#
    let text = try daemon.client.result(of: "cat /proc/self/limits", "\"limits\":\(limits)")
    func limit(_ name: String) -> String? {
      text.split(separator: "\n").first { $0.hasPrefix("Max \(name) ") }?.dropFirst(name.count + 4)
        .split(separator: " ").prefix(2).joined(separator: " ")
    }
    #expect(limit("cpu time") == "5 5")
    #expect(limit("address space") == "1073741824 1073741824")
    #expect(limit("open files") == "50 50")
    #expect(limit("file size") == "1000 1000")
    #expect(limit("core file size") == "0 0")
    let spinning = try daemon.client.shell("while :; do :; done", #""limits":{"cpu_seconds":1}"#)
    #expect(try daemon.client.join(spinning)["exit"]["reason"] == .text("signalled"))
  }
}
