import DequeModule
public import Linux

/// How a parked attempt ended.
public enum Outcome<T: Sendable>: Sendable {
  case value(T)
  case timedOut
  case hungUp
  case failed(CoreError)
}

/// Told how a parked attempt ended; on any thread, under no lock.
public typealias Completion<T: Sendable> = @Sendable (Outcome<T>) -> Void

/// What came of an attempt when it was made.
public enum Attempted<T: Sendable>: Sendable {
  case done(T)
  /// Its deadline had passed already.
  case timedOut
  /// The completion will be called, unless the ticket is used first.
  case parked(Ticket)
}

/// Where attempts of one kind wait, and what their callers are told to be doing there.
public struct Lane: Sendable {
  private let number: Int32
  /// First come, first served: the first that cannot proceed holds up those behind it, so that a large request is not
  /// starved by small ones. Otherwise each is tried on its own.
  let isInTurn: Bool
  let verb: Verb

  var index: Int { Int(number) }

  public static func inTurn(_ index: Int, _ verb: Verb) -> Lane {
    Lane(number: Int32(index), isInTurn: true, verb: verb)
  }
  public static func each(_ index: Int, _ verb: Verb) -> Lane {
    Lane(number: Int32(index), isInTurn: false, verb: verb)
  }
}

/// What a caller that waits is in: the operation's name.
public enum Verb: String, Sendable {
  case acquire, get, join, pause, poll, put, recv, reserve, restart, send, start, wait
  case follow, items, stdin, watch
}

/// One who waits, as `GET /v1/waiters` tells of it.
public struct Waiting: Sendable {
  public let verb: Verb
  public let since: WallTime
  /// Until when; nil for as long as it takes.
  public let secondsLeft: Double?
  /// The session on whose behalf it waits.
  public let session: Name?
}

/// A parked attempt, as its caller holds it.
public struct Ticket: Sendable {
  private let parked: any Parked

  init(_ parked: any Parked) { self.parked = parked }

  /// The caller has gone: finishes the attempt with `.hungUp` and returns true, unless it was finished before.
  @discardableResult
  public func hangUp() -> Bool { parked.hangUp() }
}

protocol Parked: AnyObject, Sendable {
  func hangUp() -> Bool
  /// Finishes the attempt with an error, unless it was finished before.
  func fail(_ error: CoreError)
}

/// How a parked attempt ends that does not succeed.
public enum Ending: Sendable {
  case timedOut
  case hungUp
  case failed(CoreError)
}

/// A parked attempt, whatever its result's type.
class Waiter<State: ~Copyable>: Alarm, Parked, @unchecked Sendable {
  // Sendable: `place` and `lane` are touched only under the monitor's lock.
  var lane: Lane
  /// The index of the lane that it is parked in, -1 for none. One that has gone on to another lane is a gap in the first.
  fileprivate var place = -1
  let session: Session?
  private let since = WallTime.now
  let onGiveUp: (@Sendable (inout State, Ending) -> Bool)?

  init(_ lane: Lane, _ session: Session?, _ onGiveUp: (@Sendable (inout State, Ending) -> Bool)?) {
    self.lane = lane
    self.session = session
    self.onGiveUp = onGiveUp
  }

  func waiting(_ alarms: Alarms) -> Waiting {
    Waiting(verb: lane.verb, since: since, secondsLeft: alarms.timeLeft(self), session: session?.name)
  }

  /// Tries the attempt, under the lock. True when it leaves its lane: it is settled, by success or by what it threw, or it
  /// goes on in another, which is its lane from then on.
  func proceed(_ state: inout State) -> Bool { preconditionFailure("ParkedAttempt overrides this") }
  /// Whether its deadline still means anything; under the lock.
  var canTimeOut: Bool { true }
  /// Its deadline has come, under the lock. True when it goes on in another lane, without one.
  func goesOnLate() -> Bool { false }
  var isSettled: Bool { preconditionFailure("ParkedAttempt overrides this") }
  func settle(_ ending: Ending) { preconditionFailure("ParkedAttempt overrides this") }
  func finish() { preconditionFailure("ParkedAttempt overrides this") }
  func hangUp() -> Bool { preconditionFailure("ParkedAttempt overrides this") }
  func fail(_ error: CoreError) { preconditionFailure("ParkedAttempt overrides this") }
}

/// The waiters of one lane in the order in which they came.
///
/// One that leaves from the middle only becomes a gap, and the gaps are closed when they are half of the lane: thousands of
/// clients that hang up at once cost as much as as many that come.
struct ParkingLane<State: ~Copyable> {
  private var waiters: Deque<Waiter<State>> = []
  private(set) var count = 0
  private let index: Int

  init(_ index: Int) { self.index = index }

  var isEmpty: Bool { count == 0 }

  var parked: [Waiter<State>] { waiters.filter(isParked) }

  private func isParked(_ waiter: Waiter<State>) -> Bool { waiter.place == index }

  mutating func park(_ waiter: Waiter<State>) {
    waiter.place = index
    waiters.append(waiter)
    count += 1
  }

  mutating func remove(_ waiter: Waiter<State>) -> Bool {
    guard isParked(waiter) else { return false }
    waiter.place = -1
    count -= 1
    closeGaps()
    return true
  }

  mutating func removeAll() -> [Waiter<State>] {
    var all: [Waiter<State>] = []
    for waiter in waiters where isParked(waiter) {
      waiter.place = -1
      all.append(waiter)
    }
    waiters = []
    count = 0
    return all
  }

  /// Takes out the waiters whose attempts are settled now, or go on elsewhere.
  mutating func proceed(_ state: inout State) -> [Waiter<State>] {
    guard let first = waiters.first(where: isParked) else { return [] }
    return first.lane.isInTurn ? proceedInTurn(&state) : proceedEach(&state)
  }

  private mutating func proceedInTurn(_ state: inout State) -> [Waiter<State>] {
    var leaving: [Waiter<State>] = []
    while let head = waiters.first {
      if isParked(head) {
        guard head.proceed(&state) else { break }
        head.place = -1
        count -= 1
        leaving.append(head)
      }
      waiters.removeFirst()
    }
    return leaving
  }

  private mutating func proceedEach(_ state: inout State) -> [Waiter<State>] {
    var leaving: [Waiter<State>] = []
    for waiter in waiters where isParked(waiter) && waiter.proceed(&state) {
      waiter.place = -1
      count -= 1
      leaving.append(waiter)
    }
    closeGaps()
    return leaving
  }

  private mutating func closeGaps() {
    guard count * 2 < waiters.count else { return }
    waiters = waiters.filter(isParked)
  }
}
