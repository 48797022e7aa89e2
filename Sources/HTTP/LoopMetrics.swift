import Glibc
import Linux

/// What one loop counts of its requests. It alone writes, so that no count waits for another processor; anybody may read.
final class LoopMetrics: @unchecked Sendable {
  // Sendable: the cells are atomics, and the pointers to them do not change.
  static let statuses = 600
  static let buckets = RequestMetrics.bounds.count + 1

  private let counts: UnsafeMutablePointer<Atomic<UInt64>>
  private let latencies: UnsafeMutablePointer<Atomic<UInt64>>
  private let sums: UnsafeMutablePointer<Atomic<UInt64>>
  private let begun: UnsafeMutablePointer<Atomic<UInt64>>
  private let over: UnsafeMutablePointer<Atomic<UInt64>>
  private let bounds = RequestMetrics.bounds.map { UInt64($0 * 1e9) }

  init(rows: Int) {
    func cells(_ count: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
      // An atomic zero is zero bytes, and `calloc` does not touch the pages of routes that nobody calls.
      guard let cells = calloc(count, MemoryLayout<Atomic<UInt64>>.stride) else { preconditionFailure("no memory") }
      return cells.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    }
    counts = cells(rows * Self.statuses)
    latencies = cells(rows * Self.buckets)
    sums = cells(rows)
    begun = cells(1)
    over = cells(1)
  }

  deinit { for cells in [counts, latencies, sums, begun, over] { free(cells) } }

  // MARK: The loop

  func begin() { add(1, to: begun) }
  func end() { over.pointee.store(over.pointee.load(ordering: .relaxed) &+ 1, ordering: .releasing) }

  func record(route: Int, status: Int, nanoseconds: UInt64) {
    add(1, to: counts + route * Self.statuses + Swift.min(Swift.max(status, 0), Self.statuses - 1))
    var bucket = 0
    while bucket < bounds.count, nanoseconds > bounds[bucket] { bucket += 1 }
    add(1, to: latencies + route * Self.buckets + bucket)
    add(nanoseconds, to: sums + route)
  }

  private func add(_ number: UInt64, to cell: UnsafeMutablePointer<Atomic<UInt64>>) {
    cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ number, ordering: .relaxed)
  }

  // MARK: Anybody

  /// Requests that have begun and are not over.
  var inFlight: Int {
    // What is over was begun: so it is never below 0.
    let over = over.pointee.load(ordering: .acquiring)
    return Int(begun.pointee.load(ordering: .acquiring) &- over)
  }

  func count(route: Int, status: Int) -> UInt64 { counts[route * Self.statuses + status].load(ordering: .relaxed) }
  func latencies(route: Int, bucket: Int) -> UInt64 {
    latencies[route * Self.buckets + bucket].load(ordering: .relaxed)
  }
  func sum(route: Int) -> UInt64 { sums[route].load(ordering: .relaxed) }
}
