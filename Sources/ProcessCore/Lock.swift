public import Linux

/// Python's `multiprocessing.Lock` and `RLock`, which a session may own and a lease may end.
///
/// A plain lock that is acquired without a session belongs to nobody, and anybody may release it, as in Python. A
/// reentrant one needs a session, as Python's needs a thread.
public final class Lock: Resource, Held {
  public struct Settings: Equatable, Sendable {
    public var isReentrant: Bool

    public init(isReentrant: Bool = false) { self.isReentrant = isReentrant }
  }

  struct State {
    /// nil: unlocked.
    var holding: Holding?
    /// How often its owner has acquired it.
    var depth = 0
    /// The last token that was given.
    var token: UInt64 = 0
    /// Whether its last owner was lost.
    var isAbandoned = false
    /// The conditions and arrays that need it.
    var users: [ResourceUser: Int] = [:]
    /// Whether it is about to be deleted, and may get no more users.
    var isRetired = false
    /// Those of its users that are conditions.
    var conditions: [UInt64: Notifications] = [:]
    var lastCondition: UInt64 = 0
  }

  /// A lock as it is at one moment.
  public struct Snapshot: Sendable {
    public let isLocked: Bool
    public let depth: Int
    public let owner: Name?
    public let token: UInt64
  }

  public static let kind = Kind("Lock", "locks")
  public let identity: ResourceIdentity
  public let settings: Settings
  /// The conditions that share the lock wait in lanes of it: giving it up and beginning to wait is one step.
  let monitor: Monitor<State>
  private let alarms: Alarms
  static let acquirers = Lane.inTurn(0, .acquire)
  private static let watchers = Lane.each(1, .wait)
  /// What waits for the lock. Conditions have further lanes.
  private static let ownLanes = 0..<2

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ alarms: Alarms) {
    self.identity = identity
    self.settings = settings
    self.alarms = alarms
    monitor = Monitor(State(), lanes: 2, alarms: alarms)
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> Lock {
    Lock(identity, settings, commons.alarms)
  }

  public var snapshot: Snapshot {
    monitor.read { state in
      Snapshot(
        isLocked: state.holding != nil, depth: state.depth, owner: state.holding?.session?.name, token: state.token)
    }
  }

  /// Locks it, in the order in which callers came. Its owner may lock a reentrant one again, at once. `lease`: seconds after
  /// which it is unlocked by itself; counted anew by each acquire that has one.
  public func acquire(
    for session: Session?, lease: Double?, until deadline: Deadline?, orPark completion: () -> Completion<Permit>
  ) throws(CoreError) -> Attempted<Permit> {
    if settings.isReentrant {
      let session = try session.required("a reentrant lock")
      // Whoever has it does not wait behind those who want it.
      if let permit = try acquireAgain(session, lease) { return .done(permit) }
    }
    return try monitor.attempt(
      in: Self.acquirers, until: deadline, for: session,
      { state throws(CoreError) in try self.take(session, lease, depth: 1, &state) }, orPark: completion)
  }

  /// Unlocks it once; with a token only if it is still locked by the acquire that gave it. With `force` whoever holds it loses
  /// it, however often it was acquired.
  public func release(token: UInt64? = nil, for session: Session?, force: Bool = false) throws(CoreError) {
    try monitor.change { state throws(CoreError) in
      guard token == nil || token == state.token && state.holding != nil else {
        throw CoreError(.notOwner, "the lock was released since, or its lease or its session has ended")
      }
      guard let holding = state.holding else { throw CoreError(.overRelease, "the lock is not locked") }
      guard force || holding.session == nil || holding.session === session else { throw .notOwner }
      state.depth -= 1
      if force || state.depth == 0 { free(&state) }
    }
  }

  /// Waits until the session could lock it, and does not lock it.
  public func whenReady(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: Self.watchers, until: deadline, for: session,
      { state throws(CoreError) in
        let isOwn = self.settings.isReentrant && session != nil && state.holding?.session === session
        return state.holding == nil || isOwn ? () : nil
      },
      orPark: completion)
  }

  func release(allOf session: Session) {
    monitor.change { state in if state.holding?.session === session { abandon(&state) } }
  }

  public func end(_ error: CoreError) {
    monitor.end(error)
    monitor.read { state in if state.holding != nil { free(&state) } }
  }

  public var waiting: [Waiting] { monitor.waiting(in: Self.ownLanes) }
  public var waiterCount: Int { monitor.count(in: Self.ownLanes) }

  public var holders: [Holder] {
    monitor.read { state in
      guard let holding = state.holding, let session = holding.session else { return [] }
      return [Holder(session: session.name, count: state.depth, since: holding.since)]
    }
  }
}

/// What is done under the lock's lock; also by the conditions that share it.
extension Lock {
  /// Nil when somebody has it.
  func take(_ session: Session?, _ lease: Double?, depth: Int, _ state: inout State) throws(CoreError) -> Permit? {
    guard state.holding == nil else { return nil }
    try session?.hold(self)
    state.token += 1
    state.depth = depth
    state.holding = Holding(session: session, lease: lease.map { self.lease($0, state.token) })
    defer { state.isAbandoned = false }
    return Permit(token: state.token, isAbandoned: state.isAbandoned)
  }

  func free(_ state: inout State) {
    if let lease = state.holding?.lease { alarms.unset(lease) }
    state.holding?.session?.letGo(of: self)
    state.holding = nil
    state.depth = 0
  }

  /// Whether the caller may act as its owner: as the session that has it, or, of a plain lock, when nobody in particular has.
  func isHeld(by session: Session?, _ state: State) -> Bool {
    guard let holding = state.holding else { return false }
    return holding.session === session
  }

  private func acquireAgain(_ session: Session, _ lease: Double?) throws(CoreError) -> Permit? {
    try monitor.read { state throws(CoreError) in
      guard let holding = state.holding, holding.session === session else { return nil }
      try session.check()
      state.depth += 1
      if let lease {
        if let old = holding.lease { alarms.unset(old) }
        state.holding = Holding(session: session, lease: self.lease(lease, state.token))
      }
      return Permit(token: state.token, isAbandoned: false)
    }
  }

  private func lease(_ seconds: Double, _ token: UInt64) -> Lease {
    let lease = Lease(seconds) { [weak self] in
      self?.monitor.change { state in
        if state.holding != nil, state.token == token { self?.abandon(&state) }
      }
    }
    alarms.set(lease, at: .after(seconds: seconds))
    return lease
  }

  private func abandon(_ state: inout State) {
    free(&state)
    state.isAbandoned = true
  }
}

extension Optional<Session> {
  /// The session of an operation that needs an owner.
  func required(_ what: String) throws(CoreError) -> Session {
    guard let session = self else {
      throw CoreError(.invalid(pointer: "Procession-Session"), "\(what) needs a session: name it in this header")
    }
    return session
  }
}
