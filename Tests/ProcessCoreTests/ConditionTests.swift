import Linux
import Testing

@testable import ProcessCore

@Suite struct ConditionTests {
  let test = CommonsUnderTest()

  /// `count` sessions that have the lock in turn and then wait.
  private func sleepers(_ count: Int, on condition: Condition) throws -> [(
    session: Session, call: Call<Condition.Wakening>
  )] {
    try (0..<count).map { _ in
      let session = try test.session()
      _ = try condition.lock.acquire(session)
      return (session, try condition.wait(session))
    }
  }

  @Test func itHasALockOfItsOwnOrANamedOne() throws {
    let own = try test.condition("own")
    #expect(own.lock.name.text == "own.lock" && own.lock.settings.isReentrant)
    let lock = try test.lock("shared")
    let shared = try test.condition("other", on: lock)
    #expect(shared.lock === lock)
    #expect(
      kind { _ = try test.commons.conditions.create(nil, .init(lock: .named(Name("none")!)), in: test.commons) }
        == .invalid(pointer: "/lock"))
    #expect(kind { _ = try test.condition(String(repeating: "n", count: 60)) } == .invalid(pointer: "/name"))
    _ = try test.condition(String(repeating: "n", count: 59))
    // A lock of that name is in its way, and nothing is left of the attempt.
    _ = try test.lock("taken.lock")
    #expect(kind { _ = try test.condition("taken") } == .alreadyExists)
    #expect(
      kind { _ = try test.commons.conditions.createOrSame(Name("taken")!, .init(), in: test.commons) } == .alreadyExists
    )
    #expect(test.commons.conditions.registry.find("taken") == nil)
  }

  @Test func aLockThatIsNeededCannotBeDeleted() throws {
    let lock = try test.lock("shared")
    let condition = try test.condition("a", on: lock)
    #expect(kind { try test.commons.locks.delete(lock) } == .inUse)
    let own = try test.condition("own")
    #expect(kind { try test.commons.locks.delete(own.lock) } == .inUse)
    // Nor a condition whose own lock another has come to need.
    let borrower = try test.condition("borrower", on: own.lock)
    #expect(kind { try test.commons.conditions.delete(own) } == .inUse)
    try test.commons.conditions.delete(borrower)
    try test.commons.conditions.delete(own)
    #expect(test.commons.locks.registry.find("own.lock") == nil)
    try test.commons.conditions.delete(condition)
    try test.commons.locks.delete(lock)
  }

  @Test func withoutTheLockNothingGoes() throws {
    let condition = try test.condition()
    let owner = try test.session(), other = try test.session()
    for session in [owner, other] {
      #expect(kind { _ = try condition.wait(session) } == .notOwner)
      #expect(kind { try condition.notify(for: session) } == .notOwner)
      #expect(kind { try condition.notifyAll(for: session) } == .notOwner)
      _ = try condition.lock.acquire(owner, until: .now)
    }
    #expect(kind { _ = try condition.wait() } == .invalid(pointer: "Procession-Session"))
    #expect(kind { try condition.notify(for: nil) } == .invalid(pointer: "Procession-Session"))
    #expect(owner.waiterCount == 0 && other.waiterCount == 0)
  }

  @Test func onAPlainLockNobodyNeedsASession() throws {
    let lock = try test.lock()
    let condition = try test.condition(on: lock)
    #expect(kind { _ = try condition.wait() } == .notOwner)
    _ = try lock.acquire()
    let waiting = try condition.wait()
    _ = try lock.acquire()
    try condition.notify(for: nil)
    try lock.release(for: nil)
    #expect(waiting.value?.isNotified == true && lock.snapshot.isLocked)
    #expect(kind { try condition.notify(for: try test.session()) } == .notOwner)
  }

  @Test func waitGivesUpAllLevelsAndHasThemAllAgain() throws {
    let condition = try test.condition()
    let sleeper = try test.session(), other = try test.session()
    for _ in 0..<3 { _ = try condition.lock.acquire(sleeper, lease: 60) }
    let waiting = try condition.wait(sleeper)
    #expect(sleeper.heldCount == 0 && sleeper.waiterCount == 1 && test.alarms.count == 0)
    #expect(try condition.lock.acquire(other).value?.token == 2, "the lock is free")
    try condition.notify(for: other)
    #expect(waiting.isParked, "another has the lock")
    #expect(condition.waiterCount == 0 && condition.lock.waiterCount == 1)
    try condition.lock.release(for: other)
    #expect(waiting.value?.isNotified == true && waiting.value?.permit.token == 3)
    #expect(condition.lock.snapshot.depth == 3 && condition.lock.snapshot.owner == sleeper.name)
    #expect(test.alarms.count == 1, "and its lease")
    for _ in 0..<3 { try condition.lock.release(for: sleeper) }
    #expect(!condition.lock.snapshot.isLocked && test.alarms.count == 0)
  }

  @Test func notifyWakesSoManyOfThoseWhoWaitInTheOrderInWhichTheyCame() throws {
    let condition = try test.condition()
    let waiting = try sleepers(5, on: condition)
    let other = try test.session()
    _ = try condition.lock.acquire(other)
    for n in [0, -1, .min] { try condition.notify(n, for: other) }
    try condition.notify(2, for: other)
    try condition.notify(1, for: other)
    #expect(condition.waiterCount == 2)
    try condition.lock.release(for: other)
    for index in 0..<3 {
      #expect(waiting.map(\.call.isParked) == (0..<5).map { $0 > index })
      try condition.lock.release(for: waiting[index].session)
    }
    _ = try condition.lock.acquire(other)
    try condition.notifyAll(for: other)
    try condition.lock.release(for: other)
    try condition.lock.release(for: waiting[3].session)
    #expect(waiting.allSatisfy { $0.call.value?.isNotified == true })
  }

  @Test func notificationsAreNotRemembered() throws {
    let condition = try test.condition()
    let session = try test.session()
    _ = try condition.lock.acquire(session)
    try condition.notify(3, for: session)
    try condition.notifyAll(for: session)
    let waiting = try condition.wait(session)
    #expect(waiting.isParked)
    // What is left over of a notification of two is nobody's either.
    let other = try test.session()
    _ = try condition.lock.acquire(other)
    try condition.notify(2, for: other)
    let late = try condition.wait(other)
    #expect(waiting.value?.isNotified == true)
    try condition.lock.release(for: session)
    #expect(late.isParked)
  }

  @Test func aTimeoutHasTheLockAgainToo() throws {
    let condition = try test.condition()
    let sleeper = try test.session(), other = try test.session()
    _ = try condition.lock.acquire(sleeper)
    _ = try condition.lock.acquire(sleeper)
    let waiting = try condition.wait(sleeper, until: .after(seconds: 5))
    _ = try condition.lock.acquire(other)
    test.ring(within: 6)
    #expect(waiting.isParked, "the timeout does not bound the wait for the lock")
    try condition.notify(for: other)
    try condition.lock.release(for: other)
    #expect(waiting.value?.isNotified == false && condition.lock.snapshot.depth == 2)
    // No time at all: whoever waits for the lock has it in between.
    let want = try condition.lock.acquire(other)
    let brief = try condition.wait(sleeper, until: .now)
    #expect(want.value != nil && brief.isParked)
    try condition.lock.release(for: other)
    #expect(brief.value?.isNotified == false)
    #expect(try condition.wait(sleeper, until: .now).value?.isNotified == false)
  }

  @Test func anAlarmThatComesTooLateTakesNothing() throws {
    let condition = try test.condition()
    let sleeper = try test.session(), other = try test.session()
    _ = try condition.lock.acquire(sleeper)
    let waiting = try condition.wait(sleeper, until: .after(seconds: 5))
    _ = try condition.lock.acquire(other)
    try condition.notify(for: other)
    #expect(test.alarms.count == 0, "woken: its deadline is over")
    test.ring(within: 10)
    try condition.lock.release(for: other)
    #expect(waiting.value?.isNotified == true)
  }

  @Test func whoHangsUpLeavesTheLockFree() throws {
    let condition = try test.condition()
    let waiting = try sleepers(1, on: condition)[0]
    #expect(waiting.call.hangUp() && waiting.call.isHungUp)
    #expect(condition.waiterCount == 0 && waiting.session.waiterCount == 0)
    let other = try test.session()
    #expect(try condition.lock.acquire(other, until: .now).value != nil)
    try condition.notifyAll(for: other)
  }

  /// In Python a killed process takes the notification with it.
  @Test func aNotificationWhoseReceiverIsGoneIsPassedOn() throws {
    for isEnded in [false, true] {
      for hasHeir in [false, true] {
        let condition = try test.condition()
        let lock = condition.lock
        let waiting = try sleepers(hasHeir ? 2 : 1, on: condition)
        let notifier = try test.session(), late = try test.session(), other = try test.session()
        _ = try lock.acquire(notifier)
        let locked = try lock.acquire(late)
        _ = try lock.acquire(other)
        try condition.notify(for: notifier)
        try lock.release(for: notifier)
        #expect(locked.value != nil)
        // It came after the notification, which is none of its business.
        let lateCall = try condition.wait(late)
        #expect(waiting[0].call.isParked && lock.snapshot.owner == other.name)
        if isEnded { try test.end(waiting[0].session) } else { waiting[0].call.hangUp() }
        #expect(condition.waiterCount == 1, "the heir waits for the lock now")
        try lock.release(for: other)
        #expect(lateCall.isParked)
        guard hasHeir else { continue }
        #expect(waiting[1].call.value?.isNotified == true)
        try lock.release(for: waiting[1].session)
        #expect(lateCall.isParked)
      }
    }
  }

  /// The one who gives up is found by an attempt that is made before its session's end reaches it.
  @Test func twoThatGoAtOncePassOnTwo() throws {
    var notifications = Notifications()
    let sleepers = (0..<4).map { _ in notifications.addSleeper() }
    notifications.make(2)
    let woken = sleepers.compactMap { notifications.take($0) }
    #expect(woken == [4, 4])
    for last in woken { notifications.passOn(upTo: last) }
    let late = notifications.addSleeper()
    #expect(notifications.take(late) == nil)
    #expect(sleepers[2...].compactMap { notifications.take($0) } == [4, 4])
    #expect(notifications.take(late) == nil)
  }

  @Test func aSessionThatEndsWhileItWaitsLeavesTheLockFree() throws {
    let condition = try test.condition()
    let waiting = try sleepers(1, on: condition)[0]
    try test.end(waiting.session)
    #expect(waiting.call.failure == .sessionEnded)
    #expect(try condition.lock.acquire(try test.session(), until: .now).value?.isAbandoned == false)
  }

  @Test func whoHadTheLockMeanwhileMayHaveLostIt() throws {
    let condition = try test.condition()
    let waiting = try sleepers(1, on: condition)[0]
    let other = try test.session()
    _ = try condition.lock.acquire(other)
    try condition.notify(for: other)
    try test.end(other)
    #expect(waiting.call.value?.permit.isAbandoned == true)
  }

  @Test func theDeletionOfTheConditionFailsItsSleepers() throws {
    let lock = try test.lock(reentrant: true)
    let condition = try test.condition(on: lock)
    let waiting = try sleepers(3, on: condition)
    let other = try test.session()
    _ = try lock.acquire(other)
    try condition.notify(for: other)
    try test.commons.conditions.delete(condition)
    #expect(waiting[1].call.failure == .closed && waiting[2].call.failure == .closed)
    #expect(kind { _ = try condition.wait(other) } == .closed)
    #expect(kind { try condition.notify(for: other) } == .closed)
    // The first was woken before, and the lock is still there.
    try lock.release(for: other)
    #expect(waiting[0].call.value?.isNotified == true)
    // The next condition is in the lane of the one before.
    let next = try test.condition(on: lock)
    let again = try next.wait(waiting[0].session)
    #expect(next.waiterCount == 1)
    let own = try test.condition()
    let last = try sleepers(1, on: own)[0]
    try test.commons.conditions.delete(own)
    #expect(last.call.failure == .closed && again.isParked)
  }

  @Test func conditionsOfOneLockAreApart() throws {
    let lock = try test.lock(reentrant: true)
    let full = try test.condition(on: lock), empty = try test.condition(on: lock)
    let a = try sleepers(2, on: full), b = try sleepers(2, on: empty)
    let other = try test.session()
    _ = try lock.acquire(other)
    try empty.notifyAll(for: other)
    try lock.release(for: other)
    #expect(a.allSatisfy(\.call.isParked) && b[0].call.value != nil && b[1].call.isParked)
    #expect(full.waiting.count == 2 && full.waiting.allSatisfy { $0.verb == .wait })
    #expect(lock.waiting.map(\.verb) == [.acquire])
  }
}
