import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Workers are killed at random while maps run.
@Suite struct PoolStormTests {
  /// `PROCESSION_STORM_SECONDS` makes it last as long as one likes.
  private static let seconds = getenv("PROCESSION_STORM_SECONDS").flatMap { Double(String(cString: $0)) } ?? 3

  /// Channels are read by the reactor, or by another thread than the one that sees workers end.
  @Test(arguments: [false, true])
  func everyItemHasOneResultOrIsReportedLost(_ hostsChannels: Bool) throws {
    let pools = try PoolsUnderTest(hostsChannels: hostsChannels)
    let pool = try pools.make(4)
    let storm = Storm()
    let killer = try Thread("killer") { storm.kill(in: pool) }
    let deadline = Deadline.after(seconds: Self.seconds)
    var rounds = 0
    while deadline > .now {
      rounds += 1
      let count = Int.random(in: 1...3000)
      let chunk = [nil, 1, 1, 7, 100].randomElement() ?? nil
      let items = (0..<count).map { "\($0)" }
      let job = try pool.map("echo", items, chunk: chunk) { $0.stopsOnError = false }
      let failures = Set(try job.failures())
      let expected = (0..<count).map { failures.contains($0) ? "null" : "\($0)" }.joined(separator: ",")
      #expect(try job.values() == "[\(expected)]")
      #expect(job.progress.done == count)
      pool.delete(job)
    }
    storm.isOver.store(true, ordering: .relaxed)
    killer.join()
    #expect(rounds > 0 && storm.kills.load(ordering: .relaxed) > 3)
    #expect(eventually { pool.workers.count == 4 && pool.workers.allSatisfy { $0.state == .idle } })
    #expect(try pool.map("echo", ["1", "2"]).values() == "[1,2]")
    pool.close()
    try pool.join()
    #expect(pool.snapshot.queued == 0)
    #expect(eventually { pools.under.manager.runningCount == 0 })
  }
}

private final class Storm: Sendable {
  let isOver = Atomic(false)
  let kills = Atomic(0)

  func kill(in pool: Pool) {
    while !isOver.load(ordering: .relaxed) {
      if let victim = pool.workers.filter({ $0.state != .starting }).randomElement() {
        try? victim.process.kill()
        kills.add(1, ordering: .relaxed)
      }
      let next = Deadline.after(seconds: Double.random(in: 0.02...0.15))
      _ = eventually(within: 1) { next < .now }
    }
  }
}
