import Linux
import Testing

@testable import ProcessCore

@Suite struct PoolStreamTests {
  private let pools: PoolsUnderTest

  init() throws { pools = try PoolsUnderTest() }

  private func stream(
    _ pool: Pool, _ function: String, _ input: JobInput, isOrdered: Bool, retries: Int = 0
  ) throws -> Job {
    var call = ProcessCore.Call(.map, function, json: ByteSlice(Bytes(function)))
    call.stopsOnError = false
    call.retries = retries
    return try pool.submit(call, input, .stream(isOrdered: isOrdered), listed: true)
  }

  /// The indices of results as they come, at most `limit` of them.
  private func indices(_ job: Job, limit: Int = .max) throws -> [Int] {
    var indices: [Int] = []
    while indices.count < limit {
      _ = try outcome { try job.whenFetchable(until: nil, orPark: $0) }
      guard let results = try job.fetch(bytes: 1000) else { continue }
      if results.isEmpty { break }
      for result in results {
        switch result {
        case .line(let index, _), .value(let index, _), .failure(let index, _): indices.append(index)
        }
      }
    }
    return indices
  }

  @Test func resultsComeInTheOrderOfTheirItems() throws {
    let pool = try pools.make(3)
    let items = (0..<60).map { $0 % 7 == 0 ? "0.02" : "0" }
    #expect(try indices(stream(pool, "sleep", .items(ItemList(items), chunk: 1), isOrdered: true)) == Array(0..<60))
  }

  @Test func resultsComeAsTheyAreReady() throws {
    let pool = try pools.make(2)
    let job = try stream(pool, "sleep", .items(ItemList(["0.3", "0", "0", "0"]), chunk: 1), isOrdered: false)
    let indices = try indices(job)
    #expect(indices.last == 0 && indices.sorted() == [0, 1, 2, 3])
  }

  @Test func aLostTaskIsToldInItsPlace() throws {
    let pool = try pools.make(2)
    let items = (0..<30).map { "\($0):11" }
    #expect(try indices(stream(pool, "killat", .items(ItemList(items), chunk: 1), isOrdered: true)) == Array(0..<30))
  }

  /// What is tried again needs no room: its item has it already.
  @Test func whatIsTriedAgainComesThroughAFullStream() throws {
    let pool = try pools.make(2)
    let items = (0..<10_000).map(String.init)
    let job = try stream(pool, "fail", .items(ItemList(items), chunk: 7), isOrdered: true, retries: 2)
    #expect(eventually { job.progress.done >= StreamRoom.limit && pool.workers.allSatisfy { $0.state == .idle } })
    #expect(try indices(job) == Array(0..<10_000))
    #expect(pool.snapshot.queued == 0)
  }

  /// What is handed out and not fetched is bounded, and goes on when somebody fetches.
  @Test func aReaderThatIsSlowHoldsTheWorkUp() throws {
    let pool = try pools.make(2)
    let items = (0..<20_000).map(String.init)
    let job = try stream(pool, "echo", .items(ItemList(items), chunk: 10), isOrdered: false)
    #expect(eventually { job.progress.done >= StreamRoom.limit && pool.workers.allSatisfy { $0.state == .idle } })
    #expect(job.progress.done < StreamRoom.limit + 1000)
    #expect(try indices(job).sorted() == Array(0..<20_000))
  }

  @Test func itemsAreHandedInByAndBy() throws {
    let pool = try pools.make(2)
    let job = try stream(pool, "echo", .fed(chunk: 3), isOrdered: true)
    for batch in 0..<10 {
      _ = try outcome { try job.whenRoom(until: nil, orPark: $0) }
      pool.feed(job, ItemList((0..<10).map { String(batch * 10 + $0) }), isLast: batch == 9)
    }
    #expect(try indices(job) == Array(0..<100))
    #expect(job.progress.total == 100)
    #expect(kind { _ = try job.whenRoom(until: nil, orPark: { { _ in } }) } == .closed)
  }

  @Test func aFeederWaitsForAReader() throws {
    let pool = try pools.make(2)
    let job = try stream(pool, "echo", .fed(chunk: 100), isOrdered: false)
    let items = ItemList((0..<StreamRoom.limit).map(String.init))
    pool.feed(job, items, isLast: false)
    guard case .timedOut = try job.whenRoom(until: .now, orPark: { { _ in } }) else {
      Issue.record("there was room for more")
      return
    }
    _ = try indices(job, limit: 100)
    _ = try outcome { try job.whenRoom(until: nil, orPark: $0) }
    pool.feed(job, ItemList(["x"]), isLast: true)
    #expect(eventually { job.progress.isOver })
  }

  @Test func itemsThatAreLargeAreFew() throws {
    let pool = try pools.make(1)
    let job = try stream(pool, "echo", .fed(chunk: 1), isOrdered: true)
    let large = String(repeating: "x", count: 1 << 20)
    var count = 0
    while case .done = try job.whenRoom(until: .now, orPark: { { _ in } }) {
      pool.feed(job, ItemList([large]), isLast: false)
      count += 1
    }
    // As much as waits for workers, and their results for a reader.
    #expect((8...40).contains(count))
    let waiting = Told<Outcome<Void>>()
    guard case .parked = try job.whenRoom(until: nil, orPark: { waiting.tell }) else { return }
    while !waiting.reached(1, within: 0) { _ = try indices(job, limit: 1) }
    pool.feed(job, ItemList(["x"]), isLast: true)
    #expect(eventually { (try? job.fetch(bytes: 1 << 20)).flatMap { $0 }?.isEmpty == true })
    #expect(job.progress.done == count + 1)
  }

  @Test func anInputWithoutItemsIsOverWhenItIsClosed() throws {
    let pool = try pools.make(1)
    let job = try stream(pool, "echo", .fed(chunk: 1), isOrdered: true)
    pool.feed(job, ItemList([]), isLast: true)
    #expect(try indices(job) == [])
    pool.close()
    try pool.join()
  }

  @Test func theEndOfThePoolIsTheEndOfTheStream() throws {
    let pool = try pools.make(1)
    let job = try stream(pool, "echo", .fed(chunk: 1), isOrdered: true)
    pool.terminate()
    #expect(kind { _ = try indices(job) } == .cancelled)
  }
}
