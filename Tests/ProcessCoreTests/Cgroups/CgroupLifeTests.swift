import Glibc
import Linux
import Testing

@testable import ProcessCore

/// A cgroup is there for as long as somebody may be in it, and no longer.
@Suite(.serialized, .enabled(if: !Hierarchies.here.isEmpty, "the machine gives no cgroups"))
struct CgroupLifeTests {
  @Test(arguments: Hierarchies.here) func itGoesWithTheLastOfTheTree(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies)
    let process = try test.test.sh("sleep 100 >/dev/null 2>&1 & echo started")
    #expect(try process.wholeOutput() == "started\n")
    #expect(test.made.count == 1)
    #expect(try test.rows(of: process).map(\.command) == [["sleep", "100"]])
    _ = try test.stopped(process)
    #expect(eventually { test.made.isEmpty })
  }

  @Test func itStaysTheSameAtEachStart() throws {
    let test = try CgroupsUnderTest(Hierarchies.here[0])
    let process = try test.test.sh("sleep 100 >/dev/null 2>&1 & sleep 0.01") {
      $0.restart = restart(.always)
    }
    try #require(eventually { process.snapshot.starts > 2 })
    #expect(test.made.count == 1)
    #expect(try test.stopped(process).ended.count >= 3)
    #expect(eventually { test.made.isEmpty })
  }

  @Test func onlyThoseWithALimitHaveOne() throws {
    let test = try CgroupsUnderTest(Hierarchies.here[0], .limited)
    let plain = try test.test.run(["/bin/sleep", "100"])
    #expect(test.made.isEmpty)
    let limited = try test.test.run(["/bin/sleep", "100"]) { $0.limits = [.init(.pids, 5), .init(.openFiles, 50)] }
    #expect(!test.made.isEmpty)
    for process in [plain, limited] { _ = try test.stopped(process) }
    #expect(eventually { test.made.isEmpty })
  }

  @Test func oneThatCannotBeStartedLeavesNone() throws {
    let test = try CgroupsUnderTest(Hierarchies.here[0])
    #expect(kind { _ = try test.test.run(["/nonexistent"]) } != nil)
    #expect(eventually { test.made.isEmpty })
  }

  @Test func aCgroupThatIsNotThereIsAStepOfItsOwn() throws {
    var spawner = try Spawner()
    var request = SpawnRequest(command: ["/bin/true"])
    request.diesWithSpawner = false
    request.cgroups = ["/nonexistent"]
    #expect(throws: SpawnError(.cgroup, errno: ENOENT)) { _ = try spawner.spawn(request).pid }
    // What the child itself finds out is told likewise.
    request.cgroups = ["/dev/full"]
    #expect(throws: SpawnError(.cgroup, errno: ENOSPC)) { _ = try spawner.spawn(request).pid }
    request.cgroups = Array(repeating: "/dev/null", count: 9)
    #expect(throws: SpawnError(.cgroup, errno: E2BIG)) { _ = try spawner.spawn(request).pid }
  }

  /// A service that died leaves its cgroups, and may leave processes in them; one that lives is left alone.
  @Test(arguments: Hierarchies.here) func whatTheDeadLeftIsSwept(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies)
    let living = try test.test.run(["/bin/sleep", "100"])
    let parent = try #require(hierarchies.place.unified ?? hierarchies.place.legacy["freezer"])
    let left = "\(parent)/procession-00000000deadbeef"
    for folder in [left, "\(left)/1", "\(left)/1/inner"] { try CgroupFiles.make(folder) }
    var request = SpawnRequest(command: ["/bin/sleep", "100"])
    request.diesWithSpawner = false
    request.cgroups = ["\(left)/1/inner/cgroup.procs"]
    var spawner = try Spawner()
    let child = try spawner.spawn(request)
    spawner.announced.clear()
    let other = "\(parent)/procession-of-somebody"
    try CgroupFiles.make(other)
    defer { rmdir(other) }
    // And maybe what another is just making, which that will make again.
    #expect(test.cgroups.sweep() >= 1)
    #expect(access(left, F_OK) == -1 && access(other, F_OK) == 0)
    #expect(end(of: child.pidfd).exitcode == -SIGKILL)
    #expect(living.snapshot.isAlive && test.made.count == 1)
  }

  @Test func theEndOfTheServiceEndsWhatIsLeft() throws {
    var left: (cgroup: String, pid: CInt)?
    do {
      let test = try CgroupsUnderTest(Hierarchies.here[0])
      let process = try test.test.sh("sleep 100 >/dev/null 2>&1 &")
      _ = try process.joined()
      left = (try #require(test.made.first), try #require(test.rows(of: process).first).member.pid)
      #expect(test.made.count == 1)
    }
    let (cgroup, pid) = try #require(left)
    #expect(access(cgroup, F_OK) == -1)
    #expect(eventually { waitpid(pid, nil, WNOHANG) == pid })
  }
}
