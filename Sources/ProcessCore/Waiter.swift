import DequeModule

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

/// Where attempts of one kind wait.
public struct Lane: Sendable {
  let index: Int
  /// First come, first served: the first that cannot proceed holds up those behind it, so that a large request is not
  /// starved by small ones. Otherwise each is tried on its own.
  let isInTurn: Bool

  public static func inTurn(_ index: Int) -> Lane { Lane(index: index, isInTurn: true) }
  public static func each(_ index: Int) -> Lane { Lane(index: index, isInTurn: false) }
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
}

enum Ending {
  case timedOut
  case hungUp
  case failed(CoreError)
}

/// A parked attempt, whatever its result's type.
class Waiter<State: ~Copyable>: Alarm, Parked, @unchecked Sendable {
  // Sendable: `isParked` is touched only under the monitor's lock.
  let lane: Lane
  let onGiveUp: (@Sendable (inout State) -> Void)?
  fileprivate var isParked = false

  init(_ lane: Lane, _ onGiveUp: (@Sendable (inout State) -> Void)?) {
    self.lane = lane
    self.onGiveUp = onGiveUp
  }

  /// Tries the attempt, under the lock. True when it is settled, by success or by what it threw.
  func proceed(_ state: inout State) -> Bool { preconditionFailure("ParkedAttempt overrides this") }
  func settle(_ ending: Ending) { preconditionFailure("ParkedAttempt overrides this") }
  func finish() { preconditionFailure("ParkedAttempt overrides this") }
  func hangUp() -> Bool { preconditionFailure("ParkedAttempt overrides this") }
}

/// The waiters of one lane in the order in which they came.
///
/// One that leaves from the middle only becomes a gap, and the gaps are closed when they are half of the lane: thousands of
/// clients that hang up at once cost as much as as many that come.
struct ParkingLane<State: ~Copyable> {
  private var waiters: Deque<Waiter<State>> = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func park(_ waiter: Waiter<State>) {
    waiter.isParked = true
    waiters.append(waiter)
    count += 1
  }

  mutating func remove(_ waiter: Waiter<State>) -> Bool {
    guard waiter.isParked else { return false }
    waiter.isParked = false
    count -= 1
    if count * 2 < waiters.count { waiters.removeAll { !$0.isParked } }
    return true
  }

  mutating func removeAll() -> [Waiter<State>] {
    var all: [Waiter<State>] = []
    for waiter in waiters where waiter.isParked {
      waiter.isParked = false
      all.append(waiter)
    }
    waiters = []
    count = 0
    return all
  }

  /// Takes out the waiters whose attempts are settled now.
  mutating func proceed(_ state: inout State) -> [Waiter<State>] {
    guard let first = waiters.first(where: \.isParked) else { return [] }
    return first.lane.isInTurn ? proceedInTurn(&state) : proceedEach(&state)
  }

  private mutating func proceedInTurn(_ state: inout State) -> [Waiter<State>] {
    var settled: [Waiter<State>] = []
    while let head = waiters.first {
      if head.isParked {
        guard head.proceed(&state) else { break }
        head.isParked = false
        count -= 1
        settled.append(head)
      }
      waiters.removeFirst()
    }
    return settled
  }

  private mutating func proceedEach(_ state: inout State) -> [Waiter<State>] {
    var settled: [Waiter<State>] = []
    for waiter in waiters where waiter.isParked && waiter.proceed(&state) {
      waiter.isParked = false
      count -= 1
      settled.append(waiter)
    }
    if count * 2 < waiters.count { waiters.removeAll { !$0.isParked } }
    return settled
  }
}
