public import Linux

/// Python's `multiprocessing.Barrier`: callers wait until as many are there as it has parties, and all go on at once.
///
/// With an action the last to arrive is let go alone, as the leader, and the others when the leader calls `release`.
public final class Barrier: Resource, Held {
  public struct Settings: Equatable, Sendable {
    public var parties: Int
    /// Seconds after which a wait that says nothing else breaks it.
    public var timeout: Double?
    public var hasAction: Bool

    public init(parties: Int, timeout: Double? = nil, hasAction: Bool = false) {
      self.parties = parties
      self.timeout = timeout
      self.hasAction = hasAction
    }
  }

  /// What Python's `wait` returns, and whether the caller is to call `release` for the others.
  public struct Place: Equatable, Sendable {
    public let index: Int
    public let isLeader: Bool
  }

  struct State {
    var round: Round
    var isBroken = false
  }

  public static let kind = Kind("Barrier", "barriers")
  public let identity: ResourceIdentity
  public let settings: Settings
  private let monitor: Monitor<State>
  private static let waiters = Lane.each(0, .wait)

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ alarms: Alarms) {
    self.identity = identity
    self.settings = settings
    monitor = Monitor(State(round: Round()), lanes: 1, alarms: alarms)
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> Barrier {
    Barrier(identity, settings, commons.alarms)
  }

  /// Arrives, and waits for the others. One whose deadline comes breaks it for all; one that hangs up, or whose session ends,
  /// has never arrived. Who comes while the leader acts waits for the next round.
  public func wait(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Place>
  ) throws(CoreError) -> Attempted<Place> {
    if settings.hasAction { _ = try session.required("a barrier with an action") }
    let deadline = deadline ?? settings.timeout.map { .after(seconds: $0) }
    let arrival = Arrival()
    do throws(CoreError) {
      let attempted = try monitor.attempt(
        in: Self.waiters, until: deadline, for: session,
        { state throws(CoreError) in try self.pass(arrival, session, &state) },
        onGiveUp: { state, ending in self.giveUp(arrival, ending, &state) }, orPark: completion)
      guard case .timedOut = attempted else { return attempted }
    } catch {
      _ = monitor.change { state in giveUp(arrival, .failed(error), &state) }
      throw error
    }
    // There was no time to wait at all; the others may have come in this very moment.
    return try monitor.change { state throws(CoreError) in
      if let place = try self.pass(arrival, session, &state) { return .done(place) }
      _ = giveUp(arrival, .timedOut, &state)
      return .timedOut
    }
  }

  /// The leader has acted: all go on.
  public func release(for session: Session?) throws(CoreError) {
    let session = try session.required("the leader of a barrier")
    try monitor.change { state throws(CoreError) in
      guard let leader = state.round.leader else {
        if state.isBroken { throw .brokenBarrier }
        throw CoreError(.overRelease, "nobody leads a round of the barrier now")
      }
      guard leader === session else { throw CoreError(.notOwner, "another session leads the round") }
      finish(.passed, &state)
    }
  }

  /// Breaks it until it is reset.
  public func abort() { monitor.change { state in breakAll(&state) } }

  /// Makes it as new. Those who wait are told that it broke.
  public func reset() {
    monitor.change { state in
      finish(.broken, &state)
      state.isBroken = false
    }
  }

  func release(allOf session: Session) {
    monitor.change { state in if state.round.leader === session { breakAll(&state) } }
  }

  public func end(_ error: CoreError) {
    monitor.end(error)
    monitor.read { state in finish(.broken, &state) }
  }

  /// Python's `n_waiting` and `broken`.
  public var snapshot: (waiting: Int, isBroken: Bool) { monitor.read { ($0.round.waiting, $0.isBroken) } }

  public var waiting: [Waiting] { monitor.waiting }
  public var waiterCount: Int { monitor.waiters }

  public var holders: [Holder] {
    monitor.read { state in
      guard let leader = state.round.leader, let since = state.round.ledSince else { return [] }
      return [Holder(session: leader.name, count: 1, since: since)]
    }
  }
}

/// What is done under the lock.
extension Barrier {
  /// The attempt of one who waits. It arrives when it is first made, and may be made often.
  private func pass(_ arrival: Arrival, _ session: Session?, _ state: inout State) throws(CoreError) -> Place? {
    guard let round = arrival.round else { return try arrive(arrival, session, &state) }
    return switch round.phase {
    case .open: nil
    case .passed: Place(index: arrival.index, isLeader: false)
    case .broken: throw .brokenBarrier
    }
  }

  private func arrive(_ arrival: Arrival, _ session: Session?, _ state: inout State) throws(CoreError) -> Place? {
    if state.isBroken { throw .brokenBarrier }
    let round = state.round
    if round.leader != nil { return nil }
    guard round.arrived + 1 == settings.parties else {
      arrival.round = round
      arrival.index = round.add()
      return nil
    }
    if settings.hasAction { try session?.hold(self) }
    let index = round.add()
    if settings.hasAction {
      round.lead(session)
    } else {
      finish(.passed, &state)
    }
    return Place(index: index, isLeader: settings.hasAction)
  }

  /// Whether others may go on for it.
  private func giveUp(_ arrival: Arrival, _ ending: Ending, _ state: inout State) -> Bool {
    if case .timedOut = ending {
      breakAll(&state)
      return true
    }
    if let round = arrival.round { round.remove(arrival.index) }
    arrival.round = nil
    return false
  }

  private func breakAll(_ state: inout State) {
    finish(.broken, &state)
    state.isBroken = true
  }

  private func finish(_ phase: Round.Phase, _ state: inout State) {
    state.round.leader?.letGo(of: self)
    state.round.finish(phase)
    state.round = Round()
  }
}

extension CoreError {
  static let brokenBarrier = CoreError(.brokenBarrier, "the barrier is broken")
}
