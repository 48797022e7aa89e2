public import Linux

/// Python's `multiprocessing.Condition`, on a lock of its own or one that it shares.
///
/// Its waiters are parked in a lane of the lock's monitor, so that giving the lock up and beginning to wait is one step.
public final class Condition: Resource {
  public struct Settings: Equatable, Sendable {
    public var lock: LockChoice

    public init(lock: LockChoice = .own) { self.lock = lock }
  }

  /// How a wait ended. The caller has the lock again.
  public struct Wakening: Sendable {
    /// What Python's `wait` returns.
    public let isNotified: Bool
    /// Of the lock, as it was acquired anew.
    public let permit: Permit
  }

  public static let kind = Kind("Condition", "conditions")
  public let identity: ResourceIdentity
  public let settings: Settings
  private let use: LockUse
  private let id: UInt64
  private let lane: Lane
  private let commons: Commons

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ use: LockUse, _ commons: Commons) {
    self.identity = identity
    self.settings = settings
    self.use = use
    self.commons = commons
    lane = .inTurn(use.lock.monitor.addLane(), .wait)
    id = use.lock.monitor.read { state in
      state.lastCondition += 1
      state.conditions[state.lastCondition] = Notifications()
      return state.lastCondition
    }
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> Condition {
    let user = ResourceUser(kind, identity.name)
    return Condition(identity, settings, try LockUse(settings.lock, by: user, in: commons), commons)
  }

  /// What its callers must have; `acquire` and `release` of Python's Condition are the lock's.
  public var lock: Lock { use.lock }

  /// Gives the lock up, whatever its depth, waits for a notification until `deadline`, and has the lock again, as deep, before it
  /// answers. Without the lock it is `notOwner`.
  public func wait(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Wakening>
  ) throws(CoreError) -> Attempted<Wakening> {
    let sleeper = Sleeper()
    return try lock.monitor.sleep(
      in: lane, until: deadline, then: Lock.acquirers, for: session,
      begin: { state throws(CoreError) in
        try check(session, state)
        sleeper.depth = state.depth
        sleeper.lease = state.holding?.lease?.seconds
        sleeper.number = state.conditions[id]?.addSleeper() ?? 0
        lock.free(&state)
      },
      wake: { [id] state in
        sleeper.wokenBy = state.conditions[id]?.take(sleeper.number)
        return sleeper.wokenBy != nil
      },
      { [lock] state throws(CoreError) in
        guard let permit = try lock.take(session, sleeper.lease, depth: sleeper.depth, &state) else { return nil }
        return Wakening(isNotified: sleeper.wokenBy != nil, permit: permit)
      },
      onGiveUp: { [id] state, _ in
        // Gone before it could use what woke it: another of those who could have had it gets it.
        guard let last = sleeper.wokenBy else { return false }
        state.conditions[id]?.passOn(upTo: last)
        return true
      }, orPark: completion)
  }

  /// Wakes at most `count` of those who wait now, those first who came first. Nothing is remembered for those who come later.
  public func notify(_ count: Int = 1, for session: Session?) throws(CoreError) {
    try lock.monitor.change { state throws(CoreError) in
      try check(session, state)
      state.conditions[id]?.make(count)
    }
  }

  public func notifyAll(for session: Session?) throws(CoreError) { try notify(.max, for: session) }

  public func retire() throws(CoreError) { try use.retire() }

  public func end(_ error: CoreError) {
    // First it takes no more sleepers, then it fails those that it has.
    lock.monitor.read { state in state.conditions[id] = nil }
    lock.monitor.removeLane(lane.index, error)
    use.end(error, in: commons)
  }

  public var waiting: [Waiting] { lock.monitor.waiting(in: lane.index..<lane.index + 1) }
  public var waiterCount: Int { lock.monitor.count(in: lane.index..<lane.index + 1) }

  /// Whether the caller has the lock, as it must.
  private func check(_ session: Session?, _ state: Lock.State) throws(CoreError) {
    if lock.settings.isReentrant { _ = try session.required("a condition of a reentrant lock") }
    guard state.conditions[id] != nil else { throw CoreError(.closed, "the condition was deleted") }
    guard lock.isHeld(by: session, state) else {
      throw CoreError(.notOwner, "the lock '\(lock.name)' is not the caller's")
    }
  }
}

/// One who waits.
private final class Sleeper: @unchecked Sendable {
  // Sendable: its fields are touched only under the lock of the condition's monitor.
  var number: UInt64 = 0
  var depth = 0
  var lease: Double?
  /// The last of those for whom the notification that woke it was.
  var wokenBy: UInt64?
}

/// The notifications of one condition. They are for those who are there when they are made: once the parked attempts were
/// tried, what is left of them can be used by nobody.
struct Notifications: Sendable {
  /// The number of the sleeper that came last.
  private var last: UInt64 = 0
  private var made: [(left: Int, upTo: UInt64)] = []

  mutating func addSleeper() -> UInt64 {
    last += 1
    return last
  }

  mutating func make(_ count: Int) { made = [(count, last)] }

  /// One that had been taken is there again.
  mutating func passOn(upTo last: UInt64) { made.append((1, last)) }

  /// Takes one, if there is one for this sleeper, and says up to whom it was for.
  mutating func take(_ sleeper: UInt64) -> UInt64? {
    guard let index = made.firstIndex(where: { $0.left > 0 && sleeper <= $0.upTo }) else { return nil }
    made[index].left -= 1
    return made[index].upTo
  }
}
