import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Workers that die, and pools that end.
@Suite struct PoolLifeTests {
  private let pools: PoolsUnderTest

  init() throws { pools = try PoolsUnderTest() }

  private func numbers(_ count: Int) -> [String] { (0..<count).map(String.init) }

  private func isAtStrength(_ pool: Pool, _ count: Int, without old: CInt? = nil) -> Bool {
    let workers = pool.workers
    return workers.count == count && workers.allSatisfy { $0.state == .idle && $0.pid != old }
  }

  @Test func aWorkerThatDiesFailsItsOwnTaskAlone() throws {
    let pool = try pools.make(2)
    let other = try pool.call("sleep", "0.3")
    let job = try pool.call("kill")
    #expect(kind { _ = try job.result() } == .workerLost(exitcode: -9, signal: 9, isBreach: false))
    #expect(try other.value() == "0.3")
    #expect(eventually { isAtStrength(pool, 2) })
    let exited = try pool.call("exit", "3")
    #expect(kind { _ = try exited.result() } == .workerLost(exitcode: 3, signal: nil, isBreach: false))
  }

  /// From the kill until the worker in its place is ready. The machine may be busy with other tests, so that the best of
  /// several counts.
  @Test func thePoolIsAtStrengthAgainWithin200Milliseconds() throws {
    let pool = try pools.make(2)
    var fastest = Double.infinity
    for _ in 0..<10 {
      let victim = try #require(pool.workers.first)
      let pid = victim.pid
      let killedAt = Deadline.now
      try victim.process.kill()
      #expect(eventually { isAtStrength(pool, 2, without: pid) })
      fastest = min(fastest, Double(Deadline.now.nanoseconds - killedAt.nanoseconds) / 1e9)
    }
    #expect(fastest < 0.2)
  }

  @Test func oneThatDiesBetweenTasksFailsNothing() throws {
    let pool = try pools.make(2)
    let victim = try #require(pool.pids.first)
    Glibc.kill(victim, SIGKILL)
    #expect(eventually { isAtStrength(pool, 2, without: victim) })
    #expect(try pool.map("echo", numbers(20), chunk: 1).values().hasSuffix("19]"))
    #expect(pool.snapshot.lost == 0)
  }

  @Test func oneThatDiesWhileItWritesLosesItsTask() throws {
    let pool = try pools.make(1)
    #expect(kind { _ = try pool.call("half").result() } == .workerLost(exitcode: -9, signal: 9, isBreach: false))
    #expect(try pool.call("echo", "x").value() == "x")
  }

  @Test func oneThatSpeaksAnotherProtocolIsEnded() throws {
    let pool = try pools.make(1)
    #expect(kind { _ = try pool.call("nonsense").result() } == .workerLost(exitcode: -9, signal: 9, isBreach: true))
    #expect(try pool.call("echo", "x").value() == "x")
  }

  /// The tasks that are sent ahead of a death are done by others.
  @Test func everyOtherItemHasItsResultOnce() throws {
    let pool = try pools.make(3)
    let items = (0..<400).map { "\($0):177" }
    let job = try pool.map("killat", items, chunk: 1) { $0.stopsOnError = false }
    #expect(try job.failures() == [177])
    let expected = (0..<400).map { $0 == 177 ? "null" : String($0) }.joined(separator: ",")
    #expect(try job.values() == "[\(expected)]")
    #expect(pool.snapshot.done == 400)
  }

  @Test func workersAreReplacedAfterSoManyTasks() throws {
    let pool = try pools.make(1) { $0.maxTasksPerChild = 2 }
    let pids = try (0..<6).map { _ in try pool.call("pid").value() }
    #expect(pids[0] == pids[1] && pids[2] == pids[3] && pids[4] == pids[5])
    #expect(Set(pids).count == 3)
    #expect(try pool.map("echo", numbers(40), chunk: 1).values().hasSuffix("39]"))
  }

  @Test func anInitializerThatFailsMakesNoPool() throws {
    #expect(kind { _ = try pools.make { $0.initializer = "fail" } } == .poolBroken(json: "why"))
    #expect(pools.commons.pools.registry.count == 0)
    #expect(kind { _ = try pools.make { $0.initializer = "kill" } } == .poolBroken(json: nil))
    #expect(eventually { pools.under.manager.runningCount == 0 })
  }

  @Test func aProgramThatIsNotThereMakesNoPool() throws {
    let failed = kind { _ = try pools.make { $0.worker = .command(["/nonexistent"]) } }
    guard case .spawn("exec", _) = failed else { return #expect(failed == nil) }
    #expect(pools.commons.pools.registry.count == 0)
  }

  // MARK: The end

  @Test func closeLetsQueuedWorkFinish() throws {
    let pool = try pools.make(2)
    let job = try pool.map("sleep", Array(repeating: "0.01", count: 20), chunk: 1)
    #expect(kind { try pool.join() } == .stillRunning)
    pool.close()
    #expect(kind { _ = try pool.call("echo") } == .notRunning)
    try pool.join()
    #expect(job.progress.isSuccessful == true)
    #expect(pool.workers.isEmpty && pool.snapshot.state == .closed)
    try pool.join()
  }

  @Test func aWorkerThatDiesDoesNotHoldUpTheJoin() throws {
    let pool = try pools.make(2)
    let job = try pool.call("kill")
    let rest = try pool.map("echo", numbers(10), chunk: 1)
    pool.close()
    try pool.join()
    #expect(kind { _ = try job.result() } == .workerLost(exitcode: -9, signal: 9, isBreach: false))
    #expect(rest.progress.isSuccessful == true)
  }

  @Test func terminateEndsAllThatIsOutstanding() throws {
    let pool = try pools.make(2)
    let running = try pool.call("stubborn", "30")
    let jobs = try (0..<100).map { _ in try pool.map("sleep", Array(repeating: "1", count: 100), chunk: 1) }
    let began = Deadline.now
    pool.terminate()
    #expect(kind { _ = try running.result() } == .cancelled)
    for job in jobs { #expect(kind { _ = try job.result() } == .cancelled) }
    #expect(Deadline.now.nanoseconds - began.nanoseconds < 1_000_000_000)
    try pool.join()
    #expect(pool.workers.isEmpty && pool.snapshot.state == .terminated)
  }

  @Test func aDeletedPoolLeavesNobodyWaiting() throws {
    let pool = try pools.make(1)
    let job = try pool.call("sleep", "30")
    try pools.commons.pools.delete(pool)
    #expect(kind { _ = try job.result() } == .cancelled || kind { _ = try job.result() } == .notFound)
    #expect(eventually { pools.under.manager.runningCount == 0 })
  }

  // MARK: Changing it

  @Test func aPoolGrowsAndShrinks() throws {
    let pool = try pools.make(2)
    try pool.resize(5)
    #expect(eventually { isAtStrength(pool, 5) })
    try pool.resize(1)
    #expect(eventually { isAtStrength(pool, 1) })
    #expect(try pool.call("echo", "x").value() == "x")
  }

  @Test func workersAreReplacedWithoutAGap() throws {
    let pool = try pools.make(2)
    let old = pool.pids
    let busy = try pool.map("sleep", Array(repeating: "0.01", count: 60), chunk: 1)
    try outcome { try pool.restart(until: nil, orPark: $0) }
    #expect(eventually { pool.pids.count == 2 && pool.pids.isDisjoint(with: old) })
    #expect(try busy.values().contains("null") == false)
    #expect(pool.snapshot.lost == 0)
    #expect(kind { _ = try pool.restart("nobody", until: nil, orPark: { { _ in } }) } == .notFound)
  }
}
