import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite struct PoolTests {
  private let pools: PoolsUnderTest

  init() throws { pools = try PoolsUnderTest() }

  private func numbers(_ count: Int) -> [String] { (0..<count).map(String.init) }

  // MARK: Results

  @Test func aCallHasItsResult() throws {
    let pool = try pools.make()
    #expect(try pool.call("echo", "hello").value() == "hello")
    #expect(pool.snapshot.state == .running)
  }

  @Test(arguments: [nil, 1, 3, 100, .max] as [Int?])
  func aMapHasItsResultsInOrder(_ chunk: Int?) throws {
    let pool = try pools.make(3)
    let items = numbers(50)
    #expect(try pool.map("echo", items, chunk: chunk).values() == "[" + items.joined(separator: ",") + "]")
    #expect(try pool.map("echo", [], chunk: chunk).values() == "[]")
  }

  @Test func theDefaultChunkIsAQuarterOfAWorkersShare() throws {
    let pool = try pools.make(2)
    _ = try pool.map("echo", numbers(17)).values()
    #expect(pool.snapshot.done == 6)  // ceil(17 / 8) = 3 items each.
  }

  @Test func largeArgumentsAndResultsPass() throws {
    let pool = try pools.make(1)
    let large = String(repeating: "y", count: 3_000_000)
    #expect(try pool.call("echo", large).value() == large)
    #expect(try pool.call("big", "2000000").value().utf8.count == 2_000_000)
  }

  @Test func aResultThatIsTooLargeFailsAlone() throws {
    var options = ProcessOptions()
    options.pools.resultBytes = 100_000
    let pools = try PoolsUnderTest(options)
    let pool = try pools.make(1)
    let pid = pool.pids
    #expect(kind { _ = try pool.call("big", "1000000").value() } == .resultTooLarge)
    #expect(try pool.call("big", "1000").value().utf8.count == 1000)
    #expect(pool.pids == pid)
  }

  @Test func theFirstErrorEndsAMap() throws {
    let pool = try pools.make(1)
    let job = try pool.map("fail", numbers(1000), chunk: 2)
    #expect(kind { _ = try job.values() } == .taskError(json: "0"))
    #expect(eventually { pool.snapshot.queued == 0 })
    #expect(try pool.call("echo", "on").value() == "on")
    #expect(pool.snapshot.done < 100)
  }

  @Test func allErrorsAreCollectedOnDemand() throws {
    let pool = try pools.make(2)
    let job = try pool.map("fail", numbers(5), chunk: 2) { $0.stopsOnError = false }
    #expect(try job.failures() == [0, 1, 2, 3, 4])
    #expect(try job.values() == "[null,null,null,null,null]")
    #expect(job.progress.failed == 5 && job.progress.isSuccessful == false)
  }

  @Test func aJobIsKeptAndCanBeReadAgain() throws {
    let pool = try pools.make(1)
    let job = try pool.call("echo", "x")
    #expect(try job.value() == "x" && job.value() == "x")
    #expect(pool.job(try #require(job.id)) === job)
    pool.delete(job)
    #expect(pool.jobs.isEmpty)
  }

  @Test func resultsThatNobodyFetchesAreForgotten() throws {
    var options = ProcessOptions()
    options.pools.resultSeconds = 0.05
    let pools = try PoolsUnderTest(options)
    let pool = try pools.make(1)
    _ = try pool.call("echo", "x").value()
    #expect(eventually { pool.jobs.isEmpty })
  }

  @Test func shortJobsDoNotWaitForLongOnes() throws {
    let pool = try pools.make(1)
    let long = try pool.map("sleep", Array(repeating: "0.02", count: 200), chunk: 1)
    #expect(try pool.call("echo", "quick").value() == "quick")
    #expect(!long.progress.isOver)
    #expect(long.cancel())
  }

  // MARK: Cancelling

  @Test func aCancelledJobEndsAtOnceAndTheRestGoesOn() throws {
    let pool = try pools.make(1)
    let job = try pool.map("sleep", Array(repeating: "0.3", count: 50), chunk: 1)
    #expect(job.cancel())
    #expect(!job.cancel())
    #expect(kind { _ = try job.result() } == .cancelled)
    #expect(try pool.call("echo", "x").value() == "x")
    #expect(pool.snapshot.queued == 0)
  }

  // MARK: Time

  @Test func aTaskThatTakesTooLongIsEnded() throws {
    let pool = try pools.make(1) { $0.grace = 0.05 }
    let job = try pool.call("sleep", "30") { $0.timeout = 0.05 }
    #expect(kind { _ = try job.result() } == .taskTimeout(partial: nil))
    #expect(try pool.call("echo", "x").value() == "x")
  }

  @Test func aTaskIsTriedAgain() throws {
    let pool = try pools.make(1)
    let folder = try temporaryDirectory()
    #expect(try pool.call("once", folder + "/a") { $0.retries = 1 }.value() == folder + "/a")
    let delayed = try pool.call("once", folder + "/b") {
      $0.retries = 3
      $0.backoff = 0.05
    }
    #expect(try delayed.value() == folder + "/b")
    for file in ["/a", "/b"] { unlink(folder + file) }
    rmdir(folder)
    #expect(kind { _ = try pool.call("fail", "x") { $0.retries = 2 }.value() } == .taskError(json: "x"))
  }

  /// Else one task that fails at once and may be tried a million times has the worker for itself.
  @Test(arguments: ["fail", "exit"])
  func whatIsTriedAgainTakesTurns(_ function: String) throws {
    let pool = try pools.make(1)
    let failing = try pool.call(function, "1") { $0.retries = 1_000_000 }
    #expect(try pool.call("echo", "x").value() == "x")
    #expect(try pool.map("echo", numbers(20), chunk: 1).values() == "[" + numbers(20).joined(separator: ",") + "]")
    #expect(!failing.progress.isOver)
    #expect(failing.cancel())
    #expect(eventually { pool.workers.allSatisfy { $0.state == .idle } && pool.snapshot.queued == 0 })
  }

  @Test func aCancelledJobIsNotTriedAgain() throws {
    let pool = try pools.make(1)
    let failing = try pool.call("fail", "x") {
      $0.retries = 1000
      $0.backoff = 0.05
    }
    #expect(eventually { pool.snapshot.queued == 1 && pool.workers.allSatisfy { $0.state == .idle } })
    #expect(failing.cancel())
    #expect(eventually { pool.snapshot.queued == 0 })
    #expect(try pool.call("echo", "x").value() == "x")
  }

  // MARK: Limits

  @Test func whatWaitsIsLimited() throws {
    var options = ProcessOptions()
    options.pools.queuedTasks = 10
    options.pools.jobs = 3
    let pools = try PoolsUnderTest(options)
    let pool = try pools.make(1)
    let job = try pool.call("sleep", "30")
    #expect(kind { _ = try pool.map("echo", numbers(11), chunk: 1) } == .quota)
    _ = try pool.map("echo", numbers(10), chunk: 1)
    #expect(kind { _ = try pool.call("echo", "x") } == .quota)
    #expect(job.cancel())
    #expect(kind { _ = try pools.make(2000) } == .invalid(pointer: "/processes"))
  }
}
