import Glibc
import Linux
import ProcessCore
import Testing

@Suite struct SpawnTests {
  @Test func theExitCodeIsTheChilds() throws {
    #expect(try run("/bin/sh", "-c", "exit 0").status.ending == .exited(code: 0))
    #expect(try run("/bin/sh", "-c", "exit 44").status.exitcode == 44)
  }

  @Test func aSignalIsANegativeExitcode() throws {
    let status = try run("/bin/sh", "-c", "kill -9 $$").status
    #expect(status.ending == .signalled(SIGKILL, coreDumped: false))
    #expect(status.exitcode == -9)
  }

  @Test func argumentsArriveByteForByte() throws {
    let odd = ["", " ", "a b", "$(id);x", "\"'\\", "\n\t\u{1b}\u{7f}", "é漢🙂", "-n", "*"]
    let request = ["/usr/bin/printf", "%s\\0"] + odd
    #expect(try run(SpawnRequest(command: request)).output == odd.map { $0 + "\0" }.joined())
  }

  @Test func theEnvironmentIsExactlyTheGivenOne() throws {
    #expect(try run("/usr/bin/env").output == "")
    let output = try run("/usr/bin/env", "-0", environment: [("A", "1=2"), ("empty", ""), ("L", "a\nb")]).output
    #expect(output == "A=1=2\0empty=\0L=a\nb\0")
  }

  @Test func umaskAndDirectoryAreTheGivenOnes() throws {
    let output = try shell("umask; pwd") { request in
      request.umask = 0o137
      request.cwd = "/usr/share"
    }
    #expect(output == "0137\n/usr/share\n")
  }

  @Test func theChildLeadsASessionAndAGroup() throws {
    let fields = try shell("read stat < /proc/self/stat; echo $stat; echo $$").split(separator: "\n")
    let stat = try #require(fields.first).split(separator: " ")
    let pid = try #require(fields.last)
    #expect(stat[4] == pid && stat[5] == pid)
  }

  @Test func limitsAreSeenByTheChild() throws {
    let output = try shell("ulimit -Sn; ulimit -Hn; ulimit -Sf; ulimit -Hc; ulimit -St") { request in
      request.limits = [
        (CInt(RLIMIT_NOFILE.rawValue), 77), (CInt(RLIMIT_FSIZE.rawValue), 512 * 99), (CInt(RLIMIT_CORE.rawValue), 0),
        (CInt(RLIMIT_CPU.rawValue), 55),
      ]
    }
    #expect(output == "77\n77\n99\n0\n55\n")
  }

  @Test func usageIsReported() throws {
    let usage = try run("/bin/sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done").status.usage
    #expect(usage.userSeconds > 0.005 && usage.userSeconds < 60)
    #expect(usage.maxResidentBytes > 100_000)
    #expect(usage.minorFaults > 0)
  }

  @Test func aChildDiesWithItsSpawnersThread() throws {
    let out = Mutex<CInt>(-1)
    let thread = try Thread("spawner") {
      var spawner = try? Spawner()
      let child = try? spawner?.spawn(SpawnRequest(command: ["/bin/sleep", "100"]))
      if let child { out.withLock { $0 = dup(child.pidfd.raw) } }
    }
    thread.join()
    let pidfd = Pidfd(owning: FileDescriptor(owning: out.withLock { $0 }))
    #expect(end(of: pidfd).exitcode == -SIGKILL)
  }

  @Test func aChildIsFoundDeadOnceAndPeekingLeavesIt() throws {
    var request = SpawnRequest(command: ["/bin/sh", "-c", "exit 7"])
    request.diesWithSpawner = false
    var spawner = try Spawner()
    let child = try spawner.spawn(request)
    #expect(spawner.announced.load() == child.pid)
    var poll = pollfd(fd: child.pidfd.raw, events: Int16(POLLIN), revents: 0)
    Glibc.poll(&poll, 1, -1)
    #expect(child.pidfd.peek()?.exitcode == 7)
    #expect(try child.pidfd.signal(SIGTERM))
    #expect(try killGroup(child.pid, signal: SIGTERM))
    #expect(child.pidfd.reap()?.exitcode == 7)
    #expect(child.pidfd.reap() == .lost)
    #expect(try !child.pidfd.signal(SIGTERM))
    #expect(try !killGroup(child.pid, signal: SIGTERM))
  }
}
