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
    var freeLanes: [Int] = []
    var end: CoreError?
  }

  private let guarded: Mutex<Guarded>
  private let alarms: Alarms

  /// `lanes`: how many lanes the resource uses.
  public init(_ state: consuming sending State, lanes: Int, alarms: Alarms) {
    self.alarms = alarms
    guarded = Mutex(
      Guarded(state: state, lanes: (0..<lanes).map { ParkingLane($0) }, end: nil))
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
  /// when the parked attempt ends without success, because its deadline comes, its caller hangs up, its session ends or
  /// it throws, may change the state, and says whether that may be what others wait for.
  public func attempt<T: Sendable>(
    in lane: Lane, until deadline: Deadline?, for session: Session? = nil, _ attempt: @escaping Attempt<T>,
    onGiveUp: (@Sendable (inout State, Ending) -> Bool)? = nil, orPark completion: () -> Completion<T>
  ) throws(CoreError) -> Attempted<T> {
    if let value = try attemptNow(in: lane, session, attempt) { return .done(value) }
    if let deadline, deadline <= .now { return .timedOut }
    let waiter = ParkedAttempt(self, lane, session, attempt, onGiveUp, completion())
    let value = try guarded.withLock { guarded throws(CoreError) -> T? in
      // The state may have changed while nobody held the lock.
      if let end = guarded.end { throw end }
      if !lane.isInTurn || guarded.lanes[lane.index].isEmpty, let value = try attempt(&guarded.state) { return value }
      try session?.park(waiter)
      guarded.lanes[lane.index].park(waiter)
      if let deadline { alarms.set(waiter, at: deadline) }
      return nil
    }
    guard let value else { return .parked(Ticket(waiter)) }
    changed()
    return .done(value)
  }

  /// Begins to wait, and makes the attempt only afterwards: `begin` changes the state, then the caller is parked in `lane`
  /// until `wake` or until the deadline, then in `next`, without a deadline, until the attempt succeeds. All of it is one
  /// parked attempt, which hangs up, fails and is finished once, wherever it is by then.
  func sleep<T: Sendable>(
    in lane: Lane, until deadline: Deadline?, then next: Lane, for session: Session?,
    begin: (inout State) throws(CoreError) -> Void, wake: @escaping @Sendable (inout State) -> Bool,
    _ attempt: @escaping Attempt<T>, onGiveUp: @escaping @Sendable (inout State, Ending) -> Bool,
    orPark completion: () -> Completion<T>
  ) throws(CoreError) -> Attempted<T> {
    let waiter = SleepingAttempt(self, lane, next, session, wake, attempt, onGiveUp, completion())
    let finished = try guarded.withLock { guarded throws(CoreError) -> [Waiter<State>] in
      if let end = guarded.end { throw end }
      try session?.park(waiter)
      do throws(CoreError) { try begin(&guarded.state) } catch {
        session?.unpark(waiter)
        throw error
      }
      if let deadline, deadline <= .now {
        _ = waiter.goesOnLate()
      } else if let deadline {
        alarms.set(waiter, at: deadline)
      }
      guarded.lanes[waiter.lane.index].park(waiter)
      return retry(&guarded)
    }
    for waiter in finished { waiter.finish() }
    return .parked(Ticket(waiter))
  }

  /// Ends the resource: every parked attempt fails with `error`, and so does every later one.
  public func end(_ error: CoreError) {
    let finished = guarded.withLock { guarded -> [Waiter<State>] in
      guard guarded.end == nil else { return [] }
      guarded.end = error
      return guarded.lanes.indices.flatMap { index in
        endLane(index, error, &guarded)
      }
    }
    for waiter in finished { waiter.finish() }
  }

  /// Adds a lane, for what comes and goes within the resource; or gives one that was ended.
  func addLane() -> Int {
    guarded.withLock { guarded in
      if let free = guarded.freeLanes.popLast() { return free }
      guarded.lanes.append(ParkingLane(guarded.lanes.count))
      return guarded.lanes.count - 1
    }
  }

  /// Fails those parked in a lane that was added, and takes the lane back. Nobody may use it any more.
  func removeLane(_ index: Int, _ error: CoreError) {
    let finished = guarded.withLock { guarded in
      guarded.freeLanes.append(index)
      return endLane(index, error, &guarded)
    }
    for waiter in finished { waiter.finish() }
  }

  private func endLane(_ index: Int, _ error: CoreError, _ guarded: inout Guarded) -> [Waiter<State>] {
    let waiters = guarded.lanes[index].removeAll()
    for waiter in waiters {
      waiter.session?.unpark(waiter)
      alarms.unset(waiter)
      waiter.settle(.failed(error))
    }
    return waiters
  }

  /// How many attempts are parked.
  public var waiters: Int { guarded.withLock { $0.lanes.reduce(0) { $0 + $1.count } } }

  func count(in lane: Lane) -> Int { count(in: lane.index..<lane.index + 1) }

  func count(in lanes: Range<Int>) -> Int { guarded.withLock { $0.lanes[lanes].reduce(0) { $0 + $1.count } } }

  /// Those who are parked, lane by lane, in the order in which they came.
  public var waiting: [Waiting] {
    guarded.withLock { guarded in guarded.lanes.flatMap(\.parked).map { $0.waiting(alarms) } }
  }

  func waiting(in lanes: Range<Int>) -> [Waiting] {
    guarded.withLock { guarded in guarded.lanes[lanes].flatMap(\.parked).map { $0.waiting(alarms) } }
  }

  /// Makes an attempt once, and changes nothing when it cannot succeed yet. It is as cheap as a change of the state: nothing
  /// is allocated for it.
  func attemptNow<T: Sendable>(
    in lane: Lane, _ session: Session?, _ attempt: (inout State) throws(CoreError) -> T?
  ) throws(CoreError) -> T? {
    var finished: [Waiter<State>] = []
    defer { for waiter in finished { waiter.finish() } }
    return try guarded.withLock { guarded throws(CoreError) -> T? in
      if let end = guarded.end { throw end }
      try session?.check()
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
  func giveUp(_ waiter: Waiter<State>, because ending: Ending) -> Bool {
    var finished: [Waiter<State>] = []
    let wasParked = guarded.withLock { guarded -> Bool in
      // An alarm that was called off may ring once more.
      if case .timedOut = ending, !waiter.canTimeOut { return false }
      guard guarded.lanes[waiter.lane.index].remove(waiter) else { return false }
      if case .timedOut = ending, waiter.goesOnLate() {
        guarded.lanes[waiter.lane.index].park(waiter)
        finished = retry(&guarded)
        return true
      }
      waiter.session?.unpark(waiter)
      alarms.unset(waiter)
      waiter.settle(ending)
      finished.append(waiter)
      let letsOthers = waiter.onGiveUp?(&guarded.state, ending) ?? false
      // What it gave up, or its place in the lane, may be what another waits for.
      if letsOthers || waiter.lane.isInTurn { finished += retry(&guarded) }
      return true
    }
    for waiter in finished { waiter.finish() }
    return wasParked
  }

  /// Tries the parked attempts until none can proceed: one that succeeds may have changed what another waits for.
  private func retry(_ guarded: inout Guarded) -> [Waiter<State>] {
    guarded.lanes.contains { !$0.isEmpty } ? proceed(&guarded) : []
  }

  private func proceed(_ guarded: inout Guarded) -> [Waiter<State>] {
    var finished: [Waiter<State>] = []
    var isSettled = false
    while !isSettled {
      isSettled = true
      for index in guarded.lanes.indices where !guarded.lanes[index].isEmpty {
        let proceeded = guarded.lanes[index].proceed(&guarded.state)
        if !proceeded.isEmpty {
          isSettled = false
          for waiter in proceeded {
            alarms.unset(waiter)
            if waiter.isSettled {
              waiter.session?.unpark(waiter)
              finished.append(waiter)
            } else {
              guarded.lanes[waiter.lane.index].park(waiter)
            }
          }
        }
      }
    }
    return finished
  }
}
