import Linux

/// On whose behalf calls are made: what a session holds is released when it ends.
///
/// A session ends when it is deleted, when nobody renewed it for its `ttl`, and when the process that it is bound to ends.
/// Its parked calls then fail, and what it held is free for the next in line.
public final class Session: Resource {
  public struct Settings: Equatable, Sendable {
    /// Seconds without a call in its name after which it ends; nil: it does not end by itself.
    public var ttl: Double?
    /// The process that it ends with.
    public var process: Name?
    /// Of the one that every process has: that process. Events tell of the process and not of it.
    var owner: ObjectIdentifier?

    public init(ttl: Double? = nil, process: Name? = nil) {
      self.ttl = ttl
      self.process = process
    }
  }

  private struct State {
    var hasEnded = false
    /// When a call was last made in its name.
    var lastUse = Deadline.now
    var parked: [ObjectIdentifier: any Parked] = [:]
    var held: [ObjectIdentifier: (resource: any Held, count: Int)] = [:]
    var expiry: SessionExpiry?
  }

  public static let kind = Kind("Session", "sessions")
  public let identity: ResourceIdentity
  public let settings: Settings
  private let state = Mutex(State())
  /// As `hasEnded`, for those who only want to know.
  private let ended = Atomic(false)
  private let commons: Commons

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ commons: Commons) {
    self.identity = identity
    self.settings = settings
    self.commons = commons
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> Session {
    Session(identity, settings, commons)
  }

  public func begin() throws(CoreError) {
    if let process = settings.process { try commons.bind(self, to: process) }
    let expiry = settings.ttl.map { _ in SessionExpiry(self) }
    let isAlive = state.withLock { state in
      guard !state.hasEnded, let expiry else { return !state.hasEnded }
      state.expiry = expiry
      commons.alarms.set(expiry, at: expiresAt(state))
      return true
    }
    // Somebody who found it may have ended it already.
    if !isAlive, let process = settings.process { commons.unbind(self, from: process) }
  }

  /// Renews it for another `ttl`.
  public func touch() throws(CoreError) {
    let isAlive = state.withLock { state in
      if !state.hasEnded { state.lastUse = .now }
      return !state.hasEnded
    }
    if !isAlive { try check() }
  }

  /// Until when it lives if nobody renews it, in seconds from now; nil: it does not expire.
  public var secondsLeft: Double? { settings.ttl == nil ? nil : state.withLock { expiresAt($0) }.secondsLeft }

  /// How many resources it holds something of.
  public var heldCount: Int { state.withLock { $0.held.count } }

  public func end(_ error: CoreError) {
    let gone = CoreError(.sessionEnded, "the session '\(name)' has ended: \(error.detail)")
    let (parked, held) = state.withLock { state in
      close(&state)
      if let expiry = state.expiry { commons.alarms.unset(expiry) }
      defer { state = State(hasEnded: true) }
      return (Array(state.parked.values), state.held.values.map(\.resource))
    }
    if let process = settings.process { commons.unbind(self, from: process) }
    // First its own calls, so that none of them gets what is released now.
    for call in parked { call.fail(gone) }
    for resource in held { resource.release(allOf: self) }
  }

  public var isTold: Bool { settings.owner == nil }
  public var waiting: [Waiting] { [] }
  /// How many of its calls are parked.
  public var waiterCount: Int { state.withLock { $0.parked.count } }

  /// From here on nothing is parked or held in its name.
  private func close(_ state: inout State) {
    state.hasEnded = true
    ended.store(true, ordering: .releasing)
  }

  /// A parked wait renews the session for as long as it lasts.
  private func expiresAt(_ state: State) -> Deadline {
    let since = state.parked.isEmpty ? state.lastUse : .now
    return settings.ttl.map { since.advanced(seconds: $0) } ?? .distantFuture
  }

  /// Its time seems to be over.
  fileprivate func expire() {
    let isOver = state.withLock { state in
      guard !state.hasEnded, let expiry = state.expiry else { return false }
      let deadline = expiresAt(state)
      if deadline > .now {
        commons.alarms.set(expiry, at: deadline)
        return false
      }
      // Under the same lock as the look, so that no call is told that it has renewed what ends now.
      close(&state)
      return true
    }
    // It may be deleted in this very moment, and then all is well.
    if isOver { try? commons.sessions.delete(self, CoreError(.closed, "nobody renewed it in time")) }
  }
}

/// What resources tell a session, all of it under their own locks. Under the session's lock only alarms are set.
extension Session {
  /// Throws when it has ended.
  func check() throws(CoreError) {
    if ended.load(ordering: .acquiring) { throw CoreError(.sessionEnded, "the session '\(name)' has ended") }
  }

  func park(_ call: any Parked) throws(CoreError) {
    let isAlive = state.withLock { state in
      if !state.hasEnded { state.parked[ObjectIdentifier(call)] = call }
      return !state.hasEnded
    }
    if !isAlive { try check() }
  }

  func unpark(_ call: any Parked) {
    state.withLock { state in
      // A wait that is over was a use of it.
      if state.parked.removeValue(forKey: ObjectIdentifier(call)) != nil { state.lastUse = .now }
    }
  }

  /// Counts one more thing that it has of `resource`; throws, and counts nothing, when it has ended.
  func hold(_ resource: any Held) throws(CoreError) {
    let isAlive = state.withLock { state in
      if !state.hasEnded { state.held[ObjectIdentifier(resource), default: (resource, 0)].count += 1 }
      return !state.hasEnded
    }
    if !isAlive { try check() }
  }

  func letGo(of resource: any Held, _ count: Int = 1) {
    state.withLock { state in
      guard let held = state.held[ObjectIdentifier(resource)] else { return }
      state.held[ObjectIdentifier(resource)] = held.count > count ? (resource, held.count - count) : nil
    }
  }
}

/// A resource that sessions can have something of.
protocol Held: AnyObject, Sendable {
  /// Takes back all that the session has, and tells those whose turn it is that it was abandoned.
  func release(allOf session: Session)
}

/// Ends a session that nobody used for its `ttl`. It is set again when it rings too early, so that a use sets no alarm.
private final class SessionExpiry: Alarm, @unchecked Sendable {
  // Sendable: its fields never change.
  private let session: Session

  init(_ session: Session) { self.session = session }

  override func ring() { session.expire() }
}
