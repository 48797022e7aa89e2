import Linux
import Glibc

/// What the server counts. Each number is exact; a snapshot is not one moment.
public final class RequestMetrics: @unchecked Sendable {
  // Sendable: the cells are atomics, and the pointers to them do not change.

  /// Upper bounds of the latency histogram's buckets, in seconds; one more bucket has no bound.
  public static let bounds = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]

  private static let statuses = 600
  private let routes: Int
  private let counts: UnsafeMutablePointer<Atomic<UInt64>>
  private let buckets: UnsafeMutablePointer<Atomic<UInt64>>
  private let sums: UnsafeMutablePointer<Atomic<UInt64>>
  private let nanosecondBounds = RequestMetrics.bounds.map { UInt64($0 * 1e9) }

  let connections = Atomic(0)
  let inFlight: UnsafeMutablePointer<Atomic<Int>>
  private let parked = Atomic(0)

  /// The last of the `routes` + 1 rows is for requests that reached no route.
  init(routes: Int) {
    self.routes = routes
    func cells<Value>(_ count: Int) -> UnsafeMutablePointer<Atomic<Value>> {
      // An atomic zero is zero bytes, and `calloc` does not touch the pages of routes that nobody calls.
      guard let cells = calloc(count, MemoryLayout<Atomic<Value>>.stride) else { preconditionFailure("no memory") }
      return cells.bindMemory(to: Atomic<Value>.self, capacity: count)
    }
    inFlight = cells(1)
    counts = cells((routes + 1) * RequestMetrics.statuses)
    buckets = cells((routes + 1) * (RequestMetrics.bounds.count + 1))
    sums = cells(routes + 1)
  }

  deinit {
    free(inFlight)
    free(counts)
    free(buckets)
    free(sums)
  }

  func record(route: Int, status: Int, nanoseconds: UInt64) {
    counts[route * RequestMetrics.statuses + Swift.min(Swift.max(status, 0), RequestMetrics.statuses - 1)]
      .wrappingAdd(1, ordering: .relaxed)
    var bucket = 0
    while bucket < nanosecondBounds.count, nanoseconds > nanosecondBounds[bucket] { bucket += 1 }
    buckets[route * (nanosecondBounds.count + 1) + bucket].wrappingAdd(1, ordering: .relaxed)
    sums[route].wrappingAdd(nanoseconds, ordering: .relaxed)
  }

  /// False, and nothing is added, when there are `limit` already.
  func addParked(limit: Int) -> Bool {
    guard parked.add(1, ordering: .relaxed).newValue > limit else { return true }
    parked.subtract(1, ordering: .relaxed)
    return false
  }

  func removeParked() { parked.subtract(1, ordering: .relaxed) }

  public struct Snapshot: Sendable {
    public var connections: Int
    /// Requests that wait for their reply.
    public var parked: Int
    /// Requests that have begun and are not over, the parked ones among them.
    public var inFlight: Int
    public var rows: [Row]

    public struct Row: Sendable {
      /// An index into the server's routes; nil for what reached none.
      public var route: Int?
      public var counts: [(status: Int, count: UInt64)]
      /// One for each of `bounds` and one for what is above; not cumulated.
      public var buckets: [UInt64]
      /// In seconds.
      public var sum: Double
    }
  }

  /// The rows of the routes that were called.
  public func snapshot() -> Snapshot {
    var rows: [Snapshot.Row] = []
    for route in 0...routes {
      let width = nanosecondBounds.count + 1
      let buckets = (0..<width).map { self.buckets[route * width + $0].load(ordering: .relaxed) }
      guard buckets.contains(where: { $0 > 0 }) else { continue }
      let counts = (0..<RequestMetrics.statuses).compactMap { status -> (status: Int, count: UInt64)? in
        let count = self.counts[route * RequestMetrics.statuses + status].load(ordering: .relaxed)
        return count > 0 ? (status, count) : nil
      }
      let sum = Double(sums[route].load(ordering: .relaxed)) / 1e9
      rows.append(Snapshot.Row(route: route < routes ? route : nil, counts: counts, buckets: buckets, sum: sum))
    }
    return Snapshot(
      connections: connections.load(ordering: .relaxed), parked: parked.load(ordering: .relaxed),
      inFlight: inFlight.pointee.load(ordering: .relaxed), rows: rows)
  }
}
