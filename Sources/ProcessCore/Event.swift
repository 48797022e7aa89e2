public import Linux

/// Python's `multiprocessing.Event`. Who is woken by `set` is told that it was set, even if it is cleared right afterwards.
public final class Event: Resource {
  public struct Settings: Equatable, Sendable {
    public init() {}
  }

  public static let kind = Kind("Event", "events")
  public let identity: ResourceIdentity
  public let settings: Settings
  private let monitor: Monitor<Bool>
  private static let waiters = Lane.inTurn(0, .wait)

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ alarms: Alarms) {
    self.identity = identity
    self.settings = settings
    monitor = Monitor(false, lanes: 1, alarms: alarms)
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> Event {
    Event(identity, settings, commons.alarms)
  }

  public var isSet: Bool { monitor.read { $0 } }
  public func set() { monitor.change { $0 = true } }
  public func clear() { monitor.read { $0 = false } }

  /// Waits until it is set.
  public func wait(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    // What lets the first proceed lets all: in turn, so that one that hangs up costs nothing of the others.
    try monitor.attempt(
      in: Self.waiters, until: deadline, for: session, { isSet throws(CoreError) in isSet ? () : nil },
      orPark: completion)
  }

  public func whenReady(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try wait(for: session, until: deadline, orPark: completion)
  }

  public func end(_ error: CoreError) { monitor.end(error) }
  public var waiting: [Waiting] { monitor.waiting }
  public var waiterCount: Int { monitor.waiters }
}
