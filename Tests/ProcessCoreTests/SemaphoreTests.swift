import Linux
import Testing

@testable import ProcessCore

@Suite struct SemaphoreTests {
  let test = CommonsUnderTest()

  @Test func acquireTakesOneAndReleaseGivesOne() throws {
    let semaphore = try test.semaphore(2)
    #expect(try semaphore.acquire().value?.token == 1)
    #expect(semaphore.value == 1)
    #expect(try semaphore.acquire().value?.token == 2)
    #expect(try semaphore.acquire(until: .now).isTimedOut)
    try semaphore.release()
    #expect(semaphore.value == 1)
    // Tokens rise, whoever has had what.
    #expect(try semaphore.acquire().value?.token == 3)
  }

  @Test func callersAreServedInTheOrderInWhichTheyCame() throws {
    let semaphore = try test.semaphore(0)
    let calls = try (0..<5).map { _ in try semaphore.acquire() }
    #expect(semaphore.waiterCount == 5)
    try semaphore.release(2)
    #expect(calls.map(\.isParked) == [false, false, true, true, true])
    // Nobody overtakes those who wait, and one that hangs up takes nothing.
    #expect(calls[2].hangUp())
    try semaphore.release(2)
    #expect(calls[3].value != nil && calls[4].value != nil && semaphore.value == 0)
  }

  @Test func aPlainOneMayBeReleasedBeyondItsValueAndABoundedOneNot() throws {
    let plain = try test.semaphore(0)
    try plain.release(3)
    #expect(plain.value == 3)
    let bounded = try test.semaphore(2, bounded: true)
    #expect(kind { try bounded.release() } == .overRelease)
    _ = try bounded.acquire()
    #expect(kind { try bounded.release(2) } == .overRelease, "all of them or none")
    #expect(bounded.value == 1)
    try bounded.release()
    #expect(try test.semaphore(0, bounded: true).acquire(until: .now).isTimedOut, "as in Python it may begin at 0")
  }

  @Test func theValueHasPythonsLimit() throws {
    let semaphore = try test.semaphore(Semaphore.maxValue)
    #expect(kind { try semaphore.release() } == .overRelease)
    let session = try test.session()
    _ = try semaphore.acquire(session)
    try semaphore.release()
    try test.end(session)
    #expect(semaphore.value == Semaphore.maxValue, "a permit that has no room is dropped")
  }

  @Test func aPermitOfASessionIsReleasedByItAlone() throws {
    let semaphore = try test.semaphore(2, bounded: true)
    let a = try test.session(), b = try test.session()
    _ = try semaphore.acquire(a)
    #expect(kind { try semaphore.release(for: nil) } == .notOwner)
    #expect(kind { try semaphore.release(for: b) } == .notOwner)
    _ = try semaphore.acquire(nil)
    // Of the two that are out only the one of nobody may be given back by others.
    #expect(kind { try semaphore.release(2, for: b) } == .notOwner)
    try semaphore.release(for: b)
    #expect(kind { try semaphore.release(for: b) } == .notOwner)
    try semaphore.release(for: a)
    #expect(semaphore.value == 2 && a.heldCount == 0)
  }

  @Test func theOperatorMayForceARelease() throws {
    let semaphore = try test.semaphore(3, bounded: true)
    let a = try test.session(), b = try test.session()
    let first = try #require(try semaphore.acquire(a).value)
    for _ in 0..<2 { _ = try semaphore.acquire(b) }
    try semaphore.release(2, for: nil, force: true)
    #expect(semaphore.value == 2 && a.heldCount == 0)
    #expect(semaphore.holders.map(\.count) == [1])
    #expect(kind { try semaphore.release(token: first.token, for: a) } == .notOwner, "it was taken away")
    try semaphore.release(token: 3, for: nil, force: true)
    #expect(semaphore.value == 3 && semaphore.holders.isEmpty)
  }

  @Test func aPermitIsReleasedByItsNumber() throws {
    let semaphore = try test.semaphore(2)
    let a = try test.session(), b = try test.session()
    let first = try #require(try semaphore.acquire(a).value)
    let second = try #require(try semaphore.acquire(a).value)
    #expect(kind { try semaphore.release(token: second.token, for: b) } == .notOwner)
    #expect(kind { try semaphore.release(token: 99, for: a) } == .notOwner)
    try semaphore.release(token: second.token, for: a)
    #expect(kind { try semaphore.release(token: second.token, for: a) } == .notOwner)
    #expect(semaphore.value == 1 && a.heldCount == 1)
    try semaphore.release(token: first.token, for: a)
    #expect(a.heldCount == 0)
  }

  @Test func aSessionThatEndsGivesBackAllItHas() throws {
    let semaphore = try test.semaphore(3)
    let session = try test.session()
    for _ in 0..<3 { _ = try semaphore.acquire(session) }
    let next = try test.session()
    let waiting = try (0..<3).map { _ in try semaphore.acquire(next) }
    let own = try semaphore.acquire(session)
    try test.end(session)
    #expect(waiting.compactMap(\.value).map(\.isAbandoned) == [true, true, true])
    #expect(waiting.compactMap(\.value).map(\.token) == [4, 5, 6])
    #expect(own.failure == .sessionEnded, "its own call gets nothing of what it gives back")
    #expect(kind { _ = try semaphore.acquire(session) } == .sessionEnded)
    // What was lost once is told once.
    try semaphore.release(for: next)
    #expect(try semaphore.acquire().value?.isAbandoned == false)
  }

  @Test func aLeaseGivesAPermitBack() throws {
    let semaphore = try test.semaphore(1, bounded: true)
    let session = try test.session()
    for owner in [nil, session] {
      let permit = try #require(try semaphore.acquire(owner, lease: 5).value)
      let next = try semaphore.acquire()
      test.ring(within: 4)
      #expect(next.isParked)
      test.ring(within: 6)
      #expect(next.value?.isAbandoned == true)
      #expect(kind { try semaphore.release(token: permit.token, for: owner) } == .notOwner)
      try semaphore.release()
      #expect(semaphore.value == 1 && session.heldCount == 0)
    }
  }

  /// What would make two of one: a release, and then the end of the lease of the permit that it gave back.
  @Test func aReleaseTakesTheLeaseAlong() throws {
    for bounded in [false, true] {
      let semaphore = try test.semaphore(1, bounded: bounded)
      _ = try semaphore.acquire(lease: 5)
      try semaphore.release()
      #expect(test.alarms.count == 0)
      test.ring(within: 10)
      #expect(semaphore.value == 1)
      // Also of another's session, which gives back what is nobody's.
      _ = try semaphore.acquire(lease: 5)
      try semaphore.release(for: try test.session())
      test.ring(within: 10)
      #expect(semaphore.value == 1)
    }
  }

  @Test func whoWaitsIsToldOfTheDeletionAndNothingIsLeft() throws {
    let semaphore = try test.semaphore(2)
    let session = try test.session()
    _ = try semaphore.acquire(session, lease: 60)
    _ = try semaphore.acquire(lease: 60)
    let waiting = try semaphore.acquire(until: .after(seconds: 60))
    try test.commons.semaphores.delete(semaphore)
    #expect(waiting.failure == .closed)
    #expect(kind { _ = try semaphore.acquire() } == .closed)
    #expect(session.heldCount == 0 && test.alarms.count == 0)
    try test.end(session)
  }

  @Test func aSessionWithManyPermitsEndsAtOnce() throws {
    let semaphore = try test.semaphore(Semaphore.maxValue)
    let session = try test.session()
    for _ in 0..<20_000 { _ = try semaphore.acquire(session, lease: 60) }
    // From the middle, from the beginning, and all.
    for token in stride(from: UInt64(5000), to: 10_000, by: 2) { try semaphore.release(token: token, for: session) }
    try semaphore.release(1000, for: session)
    #expect(semaphore.holders.map(\.count) == [16_500])
    let start = secondsOfThisThread()
    try test.end(session)
    #expect(semaphore.value == Semaphore.maxValue && test.alarms.count == 0)
    #expect(secondsOfThisThread() - start < 5)
  }

  @Test func permitsThatAreRememberedHaveAQuota() throws {
    let quota = Quota(2, "permits")
    try quota.take()
    try quota.take()
    #expect(kind { try quota.take() } == .quota)
    quota.giveBack()
    try quota.take()
  }
}
