import Glibc
import Linux
import ProcessCore
import Testing

/// Many at once, and nothing left of any.
@Suite(.serialized) struct SpawnLoadTests {
  /// On a thread of its own, whose children are its own. The descriptors are everybody's: other tests have some open, but
  /// not hundreds, as each of the four kinds of failure would leave.
  @Test func nothingIsLeftOfAThousandFailures() throws {
    try withThreads(named: "failures", count: 1) { _ in
      do {
        var spawner = try Spawner()
        // The probes first: that they see a child, its zombie, and descriptors.
        let child = try spawner.spawn(SpawnRequest(command: ["/bin/sleep", "100"]))
        #expect(children() == "\(child.pid) ")
        try child.pidfd.signal(SIGKILL)
        var poll = pollfd(fd: child.pidfd.raw, events: Int16(POLLIN), revents: 0)
        Glibc.poll(&poll, 1, -1)
        #expect(children() == "\(child.pid) ")
        let few = openDescriptors()
        let many = (0..<250).map { _ in dup(child.pidfd.raw) }
        #expect(openDescriptors() - few > 150)
        for fd in many { close(fd) }
        #expect(child.pidfd.reap()?.exitcode == -SIGKILL)
        #expect(children() == "")

        var bad = ["/nonexistent", "/etc/passwd", "/bin/true", "/bin/true"].map { SpawnRequest(command: [$0]) }
        bad[2].cwd = "/nonexistent"
        bad[3].descriptors = [(999, 3)]
        let before = openDescriptors()
        for index in 0..<1000 {
          #expect(throws: SpawnError.self) { _ = try spawner.spawn(bad[index % 4]).pid }
        }
        #expect(openDescriptors() - before < 150)
        #expect(children() == "")
      } catch {
        Issue.record(error)
      }
    }
  }

  @Test func aThousandFromFourThreadsWhileOthersAllocate() throws {
    let isOver = Atomic(false)
    let good = Atomic(0)
    try withThreads(
      named: "load", count: 6,
      { index in
        if index >= 4 {
          var kept: [[UInt8]] = []
          while !isOver.load(ordering: .relaxed) {
            kept.append([UInt8](repeating: 1, count: Int.random(in: 1...100_000)))
            if kept.count > 100 { kept.removeAll() }
          }
          return
        }
        do {
          var spawner = try Spawner()
          for round in 0..<250 {
            let child = try spawner.spawn(SpawnRequest(command: ["/bin/sh", "-c", "exit \(round % 200)"]))
            #expect(spawner.announced.load() == child.pid)
            if end(of: child.pidfd).exitcode == CInt(round % 200) { good.add(1, ordering: .relaxed) }
          }
        } catch {
          Issue.record(error)
        }
        if good.load(ordering: .relaxed) == 1000 { isOver.store(true, ordering: .relaxed) }
      })
    #expect(good.load(ordering: .relaxed) == 1000)
  }
}

/// This thread's children, by what the kernel says.
private func children() -> String { contents(of: "/proc/thread-self/children") ?? "?" }

private func openDescriptors() -> Int { (0..<4096 as Range<CInt>).count { fcntl($0, F_GETFD) != -1 } }
