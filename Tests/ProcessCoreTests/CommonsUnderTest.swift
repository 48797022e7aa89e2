import Linux
import Testing

@testable import ProcessCore

/// Resources without a service: alarms ring when the test says so.
struct CommonsUnderTest: Sendable {
  let alarms = Alarms()
  let log: EventLog
  let commons: Commons

  init(limit: Int = 1000) {
    log = EventLog(capacity: 100, alarms: alarms)
    commons = Commons(limit: limit, queues: QueueLimits(), alarms: alarms, log: log)
  }

  func session(_ name: String? = nil, ttl: Double? = nil) throws -> Session {
    try commons.sessions.create(name.flatMap { Name($0) }, .init(ttl: ttl), in: commons)
  }

  func semaphore(_ initial: Int = 1, bounded: Bool = false) throws -> Semaphore {
    try commons.semaphores.create(nil, .init(initial: initial, isBounded: bounded), in: commons)
  }

  func lock(_ name: String? = nil, reentrant: Bool = false) throws -> Lock {
    try commons.locks.create(name.flatMap { Name($0) }, .init(isReentrant: reentrant), in: commons)
  }

  func condition(_ name: String? = nil, on lock: Lock? = nil) throws -> Condition {
    try commons.conditions.create(
      name.flatMap { Name($0) }, .init(lock: lock.map { .named($0.name) } ?? .own), in: commons)
  }

  func event() throws -> Event { try commons.events.create(nil, .init(), in: commons) }

  func barrier(_ parties: Int, timeout: Double? = nil, action: Bool = false) throws -> Barrier {
    try commons.barriers.create(nil, .init(parties: parties, timeout: timeout, hasAction: action), in: commons)
  }

  func end(_ session: Session) throws { try commons.sessions.delete(session) }

  /// Rings what is due within so many seconds.
  func ring(within seconds: Double) { _ = alarms.ringDue(at: .after(seconds: seconds)) }
}

/// A call that may be parked, and what became of it.
final class Call<T: Sendable>: Sendable {
  private let told = Told<Outcome<T>>()
  let ticket: Ticket?

  init(_ attempt: (_ orPark: () -> Completion<T>) throws(CoreError) -> Attempted<T>) throws(CoreError) {
    let told = told
    switch try attempt({ told.tell }) {
    case .done(let value):
      told.tell(.value(value))
      ticket = nil
    case .timedOut:
      told.tell(.timedOut)
      ticket = nil
    case .parked(let parked): ticket = parked
    }
  }

  /// One that was refused at once.
  init(_ error: CoreError) {
    ticket = nil
    told.tell(.failed(error))
  }

  /// nil while it waits.
  var outcome: Outcome<T>? { told.all.first }
  var isParked: Bool { told.all.isEmpty }
  /// What it was told, which is one thing at most.
  var count: Int { told.all.count }

  var value: T? { if case .value(let value) = outcome { value } else { nil } }
  var isTimedOut: Bool { if case .timedOut = outcome { true } else { false } }
  var isHungUp: Bool { if case .hungUp = outcome { true } else { false } }
  var failure: CoreError.Kind? { if case .failed(let error) = outcome { error.kind } else { nil } }

  @discardableResult
  func hangUp() -> Bool { ticket?.hangUp() ?? false }

  func isOver(within seconds: Double = 10) -> Bool { told.reached(1, within: seconds) }
}

extension Semaphore {
  func acquire(
    _ session: Session? = nil, lease: Double? = nil, until deadline: Deadline? = nil
  ) throws(CoreError) -> Call<Permit> {
    try Call { orPark throws(CoreError) in try acquire(for: session, lease: lease, until: deadline, orPark: orPark) }
  }
}

extension Semaphore {
  /// Gives permits of nobody back.
  func release(_ count: Int = 1) throws(CoreError) { try release(count, for: nil) }
}

extension Lock {
  func acquire(
    _ session: Session? = nil, lease: Double? = nil, until deadline: Deadline? = nil
  ) throws(CoreError) -> Call<Permit> {
    try Call { orPark throws(CoreError) in try acquire(for: session, lease: lease, until: deadline, orPark: orPark) }
  }
}

extension Condition {
  func wait(_ session: Session? = nil, until deadline: Deadline? = nil) throws(CoreError) -> Call<Wakening> {
    try Call { orPark throws(CoreError) in try wait(for: session, until: deadline, orPark: orPark) }
  }
}

extension Event {
  func wait(_ session: Session? = nil, until deadline: Deadline? = nil) throws(CoreError) -> Call<Void> {
    try Call { orPark throws(CoreError) in try wait(for: session, until: deadline, orPark: orPark) }
  }
}

extension Barrier {
  func wait(_ session: Session? = nil, until deadline: Deadline? = nil) throws(CoreError) -> Call<Place> {
    try Call { orPark throws(CoreError) in try wait(for: session, until: deadline, orPark: orPark) }
  }
}

/// Random numbers that are the same in every run.
struct Dice: RandomNumberGenerator {
  private var state: UInt64

  init(seed: Int) { state = Self.mix(UInt64(seed)) }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  private static func mix(_ number: UInt64) -> UInt64 {
    var mixed = number
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
