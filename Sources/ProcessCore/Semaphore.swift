public import Linux

/// Python's `multiprocessing.Semaphore` and `BoundedSemaphore`, whose permits a session may own and a lease may end.
///
/// A permit that is acquired without a session belongs to nobody, and anybody may release it, as in Python. One of a
/// session is released by that session, or by its end.
public final class Semaphore: Resource, Held {
  public struct Settings: Equatable, Sendable {
    public var initial: Int
    /// Whether more releases than acquires are an error.
    public var isBounded: Bool

    public init(initial: Int = 1, isBounded: Bool = false) {
      self.initial = initial
      self.isBounded = isBounded
    }
  }

  struct State {
    let settings: Settings
    var value: Int
    /// The last token that was given.
    var token: UInt64 = 0
    /// Permits that came back because their holder was lost and that nobody has taken since.
    var abandoned = 0
    /// The permits that a session owns or a lease ends.
    var holdings = Holdings()
  }

  public static let kind = Kind("Semaphore", "semaphores")
  /// Python's SEM_VALUE_MAX.
  public static let maxValue = Int(Int32.max)
  public let identity: ResourceIdentity
  public let settings: Settings
  private let monitor: Monitor<State>
  private let commons: Commons
  private static let acquirers = Lane.inTurn(0, .acquire)
  private static let watchers = Lane.each(1, .wait)

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ commons: Commons) {
    self.identity = identity
    self.settings = settings
    self.commons = commons
    monitor = Monitor(State(settings: settings, value: settings.initial), lanes: 2, alarms: commons.alarms)
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> Semaphore {
    Semaphore(identity, settings, commons)
  }

  /// Python's `get_value()`.
  public var value: Int { monitor.read { $0.value } }

  /// Takes a permit, in the order in which callers came. `lease`: seconds after which it comes back by itself.
  public func acquire(
    for session: Session?, lease: Double?, until deadline: Deadline?, orPark completion: () -> Completion<Permit>
  ) throws(CoreError) -> Attempted<Permit> {
    try monitor.attempt(
      in: Self.acquirers, until: deadline, for: session,
      { state throws(CoreError) in
        guard state.value > 0 else { return nil }
        return try self.take(session, lease, &state)
      }, orPark: completion)
  }

  /// Gives `count` permits back: those of the session, then those of nobody, of which those with a lease first. With `force`
  /// also those of others.
  public func release(_ count: Int = 1, for session: Session?, force: Bool = false) throws(CoreError) {
    try monitor.change { state throws(CoreError) in
      try state.checkRelease(count, session, force)
      var tokens = state.holdings.tokens(of: session, limit: count)
      if session != nil { tokens += state.holdings.tokens(of: nil, limit: count - tokens.count) }
      for token in tokens { forget(token, &state) }
      if force { for token in state.holdings.tokens.prefix(count - tokens.count) { forget(token, &state) } }
      state.value += count
    }
  }

  /// Gives one permit back by its token; one that its lease has ended is `notOwner`.
  public func release(token: UInt64, for session: Session?, force: Bool = false) throws(CoreError) {
    try monitor.change { state throws(CoreError) in
      guard let holding = state.holdings[token] else {
        throw CoreError(
          .notOwner, "there is no permit \(token): it was released, or its lease or its session has ended")
      }
      guard force || holding.session == nil || holding.session === session else { throw .notOwner }
      try state.checkRoom(1)
      forget(token, &state)
      state.value += 1
    }
  }

  /// Waits until a permit could be taken, and takes none.
  public func whenReady(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: Self.watchers, until: deadline, for: session, { state throws(CoreError) in state.value > 0 ? () : nil },
      orPark: completion)
  }

  func release(allOf session: Session) {
    monitor.change { state in
      for token in state.holdings.tokens(of: session) { abandon(token, &state) }
    }
  }

  public func end(_ error: CoreError) {
    monitor.end(error)
    monitor.read { state in for token in state.holdings.tokens { forget(token, &state) } }
  }

  public var waiting: [Waiting] { monitor.waiting }
  public var waiterCount: Int { monitor.waiters }
  public var holders: [Holder] { monitor.read { $0.holdings.holders } }
}

/// What is done under the lock.
extension Semaphore {
  private func take(_ session: Session?, _ lease: Double?, _ state: inout State) throws(CoreError) -> Permit {
    let token = state.token + 1
    if session != nil || lease != nil {
      try commons.permits.take()
      do throws(CoreError) { try session?.hold(self) } catch {
        commons.permits.giveBack()
        throw error
      }
      state.holdings.add(token, Holding(session: session, lease: lease.map { self.lease($0, token) }))
    }
    state.value -= 1
    state.token = token
    let isAbandoned = state.abandoned > 0
    if isAbandoned { state.abandoned -= 1 }
    return Permit(token: token, isAbandoned: isAbandoned)
  }

  private func lease(_ seconds: Double, _ token: UInt64) -> Lease {
    let lease = Lease(seconds) { [weak self] in self?.monitor.change { state in self?.abandon(token, &state) } }
    commons.alarms.set(lease, at: .after(seconds: seconds))
    return lease
  }

  private func abandon(_ token: UInt64, _ state: inout State) {
    // A value that cannot rise any more is one that nobody misses a permit of.
    guard forget(token, &state), state.value < Self.maxValue else { return }
    state.value += 1
    state.abandoned += 1
  }

  /// Nobody answers for the permit any more.
  @discardableResult
  private func forget(_ token: UInt64, _ state: inout State) -> Bool {
    guard let holding = state.holdings.remove(token) else { return false }
    if let lease = holding.lease { commons.alarms.unset(lease) }
    holding.session?.letGo(of: self)
    commons.permits.giveBack()
    return true
  }
}

extension Semaphore.State {
  /// A plain semaphore may be released beyond its initial value; a bounded one gives back only what is out.
  fileprivate func checkRelease(_ count: Int, _ session: Session?, _ force: Bool) throws(CoreError) {
    try checkRoom(count)
    guard settings.isBounded else { return }
    let foreign = holdings.ownedCount - (session == nil ? 0 : holdings.count(of: session))
    guard force || count <= settings.initial - value - foreign else { throw .notOwner }
  }

  fileprivate func checkRoom(_ count: Int) throws(CoreError) {
    guard count <= (settings.isBounded ? settings.initial : Semaphore.maxValue) - value else {
      throw CoreError(.overRelease, "the semaphore was released too many times")
    }
  }
}

extension CoreError {
  static let notOwner = CoreError(.notOwner, "another session holds it")
}
