import DequeModule
public import Linux

/// State that callers can wait on: the one waiting primitive of the service.
///
/// A waiter is an attempt that has not succeeded yet. An attempt runs under the lock and either takes what it wants or
/// leaves the state as it was and returns nil; then it is parked in a lane. After every change the parked attempts are
/// tried again, and each is finished exactly once: by success, by its deadline, by a hang-up, or by the end of the
/// resource. Whoever removes it from its lane, under the lock, finishes it, after the lock is released. A parked attempt
/// costs neither a thread nor a task.
///
/// Everything may be called from any thread. Completions must not block.
public final class Monitor<State: ~Copyable>: Sendable {
  /// Takes what it wants from the state, or returns nil and leaves it unchanged. What it throws finishes the attempt.
  public typealias Attempt<T> = @Sendable (inout State) throws(CoreError) -> T?
  private struct Guarded: ~Copyable {
    var state: State
    var lanes: [ParkingLane<State>]
    var end: CoreError?
  }

  private let guarded: Mutex<Guarded>
  private let alarms: Alarms

  /// `lanes`: how many lanes the resource uses.
  public init(_ state: consuming sending State, lanes: Int, alarms: Alarms) {
    self.alarms = alarms
    guarded = Mutex(
      Guarded(state: state, lanes: (0..<lanes).map { _ in ParkingLane() }, end: nil))
  }

  /// Looks at the state, or changes what no waiter waits for.
  public func read<T, E: Error>(_ body: (inout State) throws(E) -> sending T) throws(E) -> sending T {
    try guarded.withLock { guarded throws(E) in try body(&guarded.state) }
  }

  /// Changes the state, then tries the parked attempts again.
  public func change<T, E: Error>(_ body: (inout State) throws(E) -> sending T) throws(E) -> sending T {
    var finished: [Waiter<State>] = []
    defer { for waiter in finished { waiter.finish() } }
    return try guarded.withLock { guarded throws(E) in
      let result = try body(&guarded.state)
      finished = retry(&guarded)
      return result
    }
  }

  /// As `change`, for a caller that holds another lock: those that can proceed are told by calling what is returned, once that
  /// lock is released.
  func changeQuietly(_ body: (inout State) -> Void) -> () -> Void {
    let finished = guarded.withLock { guarded in
      body(&guarded.state)
      return retry(&guarded)
    }
    return { for waiter in finished { waiter.finish() } }
  }

  /// Makes an attempt, and parks it until `deadline` (nil: for as long as it takes) when it cannot succeed yet.
  ///
  /// In a lane `inTurn` an attempt also waits for those that were parked before it. `completion` is asked for only when
  /// the attempt has to be parked, so that one that succeeds at once allocates nothing. `onGiveUp` runs under the lock
  /// when the parked attempt's deadline comes or its caller hangs up, and may change the state.
  public func attempt<T: Sendable>(
    in lane: Lane, until deadline: Deadline?, _ attempt: @escaping Attempt<T>,
    onGiveUp: (@Sendable (inout State) -> Void)? = nil, orPark completion: () -> Completion<T>
  ) throws(CoreError) -> Attempted<T> {
    if let value = try attemptNow(in: lane, attempt) { return .done(value) }
    if let deadline, deadline <= .now { return .timedOut }
    let waiter = ParkedAttempt(self, lane, attempt, onGiveUp, completion())
    let value = try guarded.withLock { guarded throws(CoreError) -> T? in
      // The state may have changed while nobody held the lock.
      if let end = guarded.end { throw end }
      if !lane.isInTurn || guarded.lanes[lane.index].isEmpty, let value = try attempt(&guarded.state) { return value }
      guarded.lanes[lane.index].park(waiter)
      if let deadline { alarms.set(waiter, at: deadline) }
      return nil
    }
    guard let value else { return .parked(Ticket(waiter)) }
    changed()
    return .done(value)
  }

  /// Ends the resource: every parked attempt fails with `error`, and so does every later one.
  public func end(_ error: CoreError) {
    let finished = guarded.withLock { guarded -> [Waiter<State>] in
      guard guarded.end == nil else { return [] }
      guarded.end = error
      return guarded.lanes.indices.flatMap { index in
        guarded.lanes[index].removeAll().map { waiter in
          alarms.unset(waiter)
          waiter.settle(.failed(error))
          return waiter
        }
      }
    }
    for waiter in finished { waiter.finish() }
  }

  /// How many attempts are parked.
  public var waiters: Int { guarded.withLock { $0.lanes.reduce(0) { $0 + $1.count } } }

  private func attemptNow<T: Sendable>(in lane: Lane, _ attempt: Attempt<T>) throws(CoreError) -> T? {
    var finished: [Waiter<State>] = []
    defer { for waiter in finished { waiter.finish() } }
    return try guarded.withLock { guarded throws(CoreError) -> T? in
      if let end = guarded.end { throw end }
      if lane.isInTurn, !guarded.lanes[lane.index].isEmpty { return nil }
      guard let value = try attempt(&guarded.state) else { return nil }
      finished = retry(&guarded)
      return value
    }
  }

  private func changed() {
    let finished = guarded.withLock { retry(&$0) }
    for waiter in finished { waiter.finish() }
  }

  /// Takes a waiter that gives up out of its lane; false when it was finished before.
  fileprivate func giveUp(_ waiter: Waiter<State>, because ending: Ending) -> Bool {
    var finished: [Waiter<State>] = []
    let wasParked = guarded.withLock { guarded -> Bool in
      guard guarded.lanes[waiter.lane.index].remove(waiter) else { return false }
      alarms.unset(waiter)
      waiter.settle(ending)
      waiter.onGiveUp?(&guarded.state)
      // Its place in the lane, or what it gave up, may be what another waits for.
      finished = retry(&guarded)
      return true
    }
    if wasParked { waiter.finish() }
    for other in finished { other.finish() }
    return wasParked
  }

  /// Tries the parked attempts until none can proceed: one that succeeds may have changed what another waits for.
  private func retry(_ guarded: inout Guarded) -> [Waiter<State>] {
    var finished: [Waiter<State>] = []
    var isSettled = false
    while !isSettled {
      isSettled = true
      for index in guarded.lanes.indices where !guarded.lanes[index].isEmpty {
        let proceeded = guarded.lanes[index].proceed(&guarded.state)
        if !proceeded.isEmpty {
          isSettled = false
          for waiter in proceeded { alarms.unset(waiter) }
          finished += proceeded
        }
      }
    }
    return finished
  }
}

/// A parked attempt whose result has a type.
private final class ParkedAttempt<State: ~Copyable, T: Sendable>: Waiter<State>, @unchecked Sendable {
  // Sendable: `outcome` is written under the monitor's lock by the one who takes the waiter out of its lane, and read
  // only by that same one.
  private let monitor: Monitor<State>
  private let attempt: Monitor<State>.Attempt<T>
  private let completion: Completion<T>
  private var outcome: Outcome<T>?

  init(
    _ monitor: Monitor<State>, _ lane: Lane, _ attempt: @escaping Monitor<State>.Attempt<T>,
    _ onGiveUp: (@Sendable (inout State) -> Void)?, _ completion: @escaping Completion<T>
  ) {
    self.monitor = monitor
    self.attempt = attempt
    self.completion = completion
    super.init(lane, onGiveUp)
  }

  override func proceed(_ state: inout State) -> Bool {
    do throws(CoreError) {
      guard let value = try attempt(&state) else { return false }
      outcome = .value(value)
    } catch {
      outcome = .failed(error)
    }
    return true
  }

  override func settle(_ ending: Ending) {
    switch ending {
    case .timedOut: outcome = .timedOut
    case .hungUp: outcome = .hungUp
    case .failed(let error): outcome = .failed(error)
    }
  }

  override func finish() {
    guard let outcome else { preconditionFailure("a waiter is settled before it is finished") }
    completion(outcome)
  }

  override func ring() { _ = monitor.giveUp(self, because: .timedOut) }

  override func hangUp() -> Bool { monitor.giveUp(self, because: .hungUp) }
}
