import Linux

/// What the server counts. Each number is exact; a snapshot is not one moment.
public final class RequestMetrics: Sendable {
  /// Upper bounds of the latency histogram's buckets, in seconds; one more bucket has no bound.
  public static let bounds = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]

  private let routes: Int
  let loops: [LoopMetrics]
  let connections = Atomic(0)
  private let parked = Atomic(0)

  /// The last of the `routes` + 1 rows is for requests that reached no route.
  init(routes: Int, loops: Int) {
    self.routes = routes
    self.loops = (0..<loops).map { _ in LoopMetrics(rows: routes + 1) }
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
      func sum(_ count: (LoopMetrics) -> UInt64) -> UInt64 { loops.reduce(0) { $0 &+ count($1) } }
      let buckets = (0..<LoopMetrics.buckets).map { bucket in sum { $0.latencies(route: route, bucket: bucket) } }
      guard buckets.contains(where: { $0 > 0 }) else { continue }
      let counts = (0..<LoopMetrics.statuses).compactMap { status -> (status: Int, count: UInt64)? in
        let count = sum { $0.count(route: route, status: status) }
        return count > 0 ? (status, count) : nil
      }
      let seconds = Double(sum { $0.sum(route: route) }) / 1e9
      rows.append(Snapshot.Row(route: route < routes ? route : nil, counts: counts, buckets: buckets, sum: seconds))
    }
    return Snapshot(
      connections: connections.load(ordering: .relaxed), parked: parked.load(ordering: .relaxed),
      inFlight: loops.reduce(0) { $0 + $1.inFlight }, rows: rows)
  }
}
