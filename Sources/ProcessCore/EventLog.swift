import DequeModule
public import Linux

/// What a follower of the log gets next.
public enum EventBatch: Sendable {
  case entries([EventLog.Entry])
  /// The events up to and with `through` were dropped before the follower had them.
  case gap(from: UInt64, through: UInt64)
}

/// The last things that happened, numbered, for any number of followers. A slow follower never holds up the rest: what it
/// misses is told to it as a gap.
public final class EventLog: Sendable {
  /// Something that happened, as `GET /v1/watch` tells it.
  public struct Entry: Sendable {
    /// Counts up by one from 1; a number that is missing was dropped.
    public let id: UInt64
    public let at: WallTime
    /// What happened to what, as in `process.exited`.
    public let type: String
    public let name: Name
    public let details: [(name: String, value: Value)]
  }

  public enum Value: Sendable {
    case text(String)
    case integer(Int)
    case number(Double)
  }

  struct State: Sendable {
    var entries: Deque<Entry> = []
    var lastID: UInt64 = 0
  }

  private let monitor: Monitor<State>
  private let capacity: Int
  private static let followers = Lane.each(0, .watch)

  public init(capacity: Int, alarms: Alarms) {
    self.capacity = capacity
    monitor = Monitor(State(), lanes: 1, alarms: alarms)
  }

  public var lastID: UInt64 { monitor.read { $0.lastID } }

  func publish(_ type: String, _ name: Name, _ details: [(name: String, value: Value)] = []) {
    record(type, name, details)()
  }

  /// Writes an event down for a caller that holds another lock. Followers are told of it by calling what is returned, once
  /// that lock is released.
  func record(
    _ type: String, _ name: Name, _ details: [(name: String, value: Value)] = []
  ) -> () -> Void {
    let at = WallTime.now
    return monitor.changeQuietly { state in
      state.lastID += 1
      if state.entries.count == capacity { state.entries.removeFirst() }
      state.entries.append(Entry(id: state.lastID, at: at, type: type, name: name, details: details))
    }
  }

  /// What happened after the event `id`, at most 256 events, or waits for it until `deadline`.
  public func next(
    after id: UInt64, until deadline: Deadline?, orPark completion: () -> Completion<EventBatch>
  ) throws(CoreError) -> Attempted<EventBatch> {
    try monitor.attempt(in: Self.followers, until: deadline) { state throws(CoreError) in
      guard id < state.lastID, let first = state.entries.first else { return nil }
      if id + 1 < first.id { return .gap(from: id + 1, through: first.id - 1) }
      let start = Int(id + 1 - first.id)
      return .entries(Array(state.entries[start..<Swift.min(start + 256, state.entries.count)]))
    } orPark: {
      completion()
    }
  }

  public var followerCount: Int { monitor.waiters }

  /// Ends every follower.
  func close() { monitor.end(CoreError(.closed, "the service stops")) }
}
