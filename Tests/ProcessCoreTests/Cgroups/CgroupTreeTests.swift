import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Nobody leaves a cgroup, so that a tree is stopped and held still as a whole, however quick it is.
@Suite(.serialized, .enabled(if: !Hierarchies.here.isEmpty, "the machine gives no cgroups"))
struct CgroupTreeTests {
  /// Each forks another and exits, so that whoever was found is gone when the signal comes.
  private static let chain = "import os\nwhile True:\n  if os.fork(): os._exit(0)"

  @Test(arguments: Hierarchies.here, [SIGTERM, SIGKILL])
  func aChainOfForksIsStopped(_ hierarchies: Hierarchies, _ signal: CInt) throws {
    let test = try CgroupsUnderTest(hierarchies)
    for _ in 0..<5 {
      let process = try test.test.run(["python3", "-c", Self.chain])
      _ = try process.joined()
      #expect(try test.stopped(process, signal: signal).survivors.isEmpty)
      #expect(try test.rows(of: process).allSatisfy(\.member.isZombie))
      try reap(process)
    }
    #expect(eventually { test.made.isEmpty })
  }

  /// What one stop holds still for its look, another does not let go.
  @Test(arguments: Hierarchies.here) func theLastWhoLooksLetsGo(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies)
    let process = try test.test.sh("exec sleep 100")
    let cgroup = try #require(process.life.read { $0.cgroup })
    let freezer = try #require(
      test.made.map { CgroupControl($0, isUnified: $0.hasPrefix(test.place.unified ?? " ")) }.first { $0.canFreeze })
    cgroup.holdToEnd()
    cgroup.holdToEnd()
    #expect(freezer.isFrozen)
    cgroup.letGo()
    cgroup.thaw()
    #expect(freezer.isFrozen)
    cgroup.letGo()
    #expect(eventually { !freezer.isFrozen })
    #expect(try test.stopped(process).survivors.isEmpty)
  }

  /// Without its parent, its session and its environment nothing but the cgroup tells whose it is.
  @Test(arguments: Hierarchies.here) func aRunawayWithoutEnvironmentIsFound(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies)
    let process = try test.test.sh("(setsid env -i sleep 100 &); exec sleep 200")
    try #require(eventually { (try? test.rows(of: process).map(\.command)) == [["sleep", "200"], ["sleep", "100"]] })
    #expect(try test.stopped(process).ended.count == 2)
  }

  @Test(arguments: Hierarchies.here) func aTreeIsHeldStillAndGoesOn(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies)
    let process = try test.test.sh(
      "trap 'echo continued' CONT; setsid sleep 100 & while :; do sleep 0.01; echo x; done")
    try #require(eventually { process.outputRange(.stdout).end > 0 })
    let report = try test.paused(process)
    #expect(report.running.isEmpty && report.members.count >= 2)
    #expect(try test.rows(of: process).allSatisfy { $0.member.state == .frozen })
    let end = process.outputRange(.stdout).end
    #expect(try test.resumed(process).members == report.members)
    #expect(eventually { process.outputRange(.stdout).end > end })
    _ = try test.stopped(process, signal: SIGKILL)
    #expect(try !process.wholeOutput().contains("continued"), "a process does not notice that it was held still")
  }

  @Test(arguments: Hierarchies.here) func aChainOfForksIsHeldStill(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies)
    let process = try test.test.run(["python3", "-c", Self.chain])
    _ = try process.joined()
    let report = try test.paused(process)
    #expect(report.running.isEmpty && !report.members.isEmpty)
    #expect(try test.rows(of: process).filter { !$0.member.isZombie }.map(\.member.pid).sorted() == report.members)
    #expect(try test.stopped(process).survivors.isEmpty)
    try reap(process)
  }

  /// Those of a chain, which stay in its group.
  private func reap(_ process: Process) throws {
    let group = try #require(process.snapshot.pid)
    while waitpid(-group, nil, WNOHANG) > 0 {}
    #expect(waitpid(-group, nil, WNOHANG) == -1, "somebody lives")
  }

  enum End: CaseIterable, Sendable { case kill, signal, timeout, stop, tree }

  @Test(arguments: Hierarchies.here, End.allCases)
  func oneThatIsHeldStillEnds(_ hierarchies: Hierarchies, _ end: End) throws {
    let test = try CgroupsUnderTest(hierarchies)
    let process = try test.test.sh("sleep 100 & exec sleep 200") {
      if end == .timeout { $0.timeout = ProcessSpec.Timeout(seconds: 0.5, signal: SIGTERM, grace: 0.1) }
    }
    #expect(try test.paused(process).running.isEmpty)
    switch end {
    case .kill: try process.kill()
    case .signal: try process.signal(SIGKILL)
    case .timeout: break
    case .stop: #expect(try test.stopped(process).killed.isEmpty, "SIGTERM reaches it")
    case .tree: try process.signalTree(SIGKILL) {}
    }
    _ = try process.joined()
    _ = try test.stopped(process, signal: SIGKILL)
    #expect(eventually { test.made.isEmpty })
  }
}
