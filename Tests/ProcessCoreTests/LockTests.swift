import Linux
import Testing

@testable import ProcessCore

@Suite struct LockTests {
  let test = CommonsUnderTest()

  @Test func aPlainLockOfNobodyIsReleasedByAnybody() throws {
    let lock = try test.lock()
    #expect(kind { try lock.release(for: nil) } == .overRelease)
    #expect(try lock.acquire().value?.token == 1)
    let second = try lock.acquire()
    #expect(second.isParked, "not recursive")
    try lock.release(for: try test.session())
    #expect(second.value?.token == 2)
    try lock.release(for: nil)
    #expect(kind { try lock.release(for: nil) } == .overRelease)
    #expect(lock.snapshot.depth == 0 && !lock.snapshot.isLocked)
  }

  @Test func aPlainLockOfASessionIsReleasedByItAlone() throws {
    let lock = try test.lock()
    let owner = try test.session(), other = try test.session()
    _ = try lock.acquire(owner)
    #expect(lock.snapshot.owner == owner.name)
    #expect(kind { try lock.release(for: nil) } == .notOwner)
    #expect(kind { try lock.release(for: other) } == .notOwner)
    #expect(try lock.acquire(owner, until: .now).isTimedOut, "not recursive")
    try lock.release(for: other, force: true)
    #expect(kind { try lock.release(for: owner) } == .overRelease)
  }

  @Test func aReentrantLockCountsAndNeedsAnOwner() throws {
    let lock = try test.lock(reentrant: true)
    let owner = try test.session(), other = try test.session()
    #expect(kind { _ = try lock.acquire() } == .invalid(pointer: "Procession-Session"))
    for _ in 0..<3 { #expect(try lock.acquire(owner).value?.token == 1) }
    let next = try lock.acquire(other)
    // Its owner does not wait behind those who want it.
    #expect(try lock.acquire(owner).value != nil)
    #expect(lock.snapshot.depth == 4)
    #expect(kind { try lock.release(for: other) } == .notOwner)
    for _ in 0..<3 { try lock.release(for: owner) }
    #expect(next.isParked)
    try lock.release(for: owner)
    #expect(next.value?.token == 2)
    #expect(owner.heldCount == 0 && other.heldCount == 1)
    #expect(kind { try lock.release(for: owner) } == .notOwner)
    try lock.release(for: nil, force: true)
    #expect(!lock.snapshot.isLocked)
  }

  @Test func aSessionThatEndsUnlocksAllLevels() throws {
    let lock = try test.lock(reentrant: true)
    let owner = try test.session(), other = try test.session()
    for _ in 0..<2 { _ = try lock.acquire(owner) }
    let next = try lock.acquire(other)
    try test.end(owner)
    #expect(next.value?.isAbandoned == true && next.value?.token == 2)
    try lock.release(for: other)
    #expect(try lock.acquire(other).value?.isAbandoned == false)
  }

  @Test func aLeaseUnlocksIt() throws {
    let lock = try test.lock(reentrant: true)
    let owner = try test.session(), other = try test.session()
    _ = try lock.acquire(owner, lease: 5)
    // A later lease takes the place of the earlier one; an acquire without one leaves it.
    _ = try lock.acquire(owner, lease: 50)
    _ = try lock.acquire(owner)
    #expect(test.alarms.count == 1)
    let next = try lock.acquire(other)
    test.ring(within: 49)
    #expect(next.isParked)
    test.ring(within: 51)
    #expect(next.value?.isAbandoned == true && owner.heldCount == 0)
    #expect(kind { try lock.release(token: 1, for: owner) } == .notOwner)
    try lock.release(token: 2, for: other)
    #expect(kind { try lock.release(token: 2, for: other) } == .notOwner)
  }

  @Test func aReleaseCallsTheLeaseOff() throws {
    let lock = try test.lock()
    _ = try lock.acquire(lease: 5)
    try lock.release(for: nil)
    _ = try lock.acquire()
    test.ring(within: 10)
    #expect(lock.snapshot.isLocked && test.alarms.count == 0)
  }

  @Test func whoWaitsIsToldOfTheDeletion() throws {
    let lock = try test.lock()
    let session = try test.session()
    _ = try lock.acquire(session, lease: 60)
    let waiting = try lock.acquire()
    try test.commons.locks.delete(lock)
    #expect(waiting.failure == .closed && session.heldCount == 0 && test.alarms.count == 0)
  }

  @Test func readyIsWhatCouldBeLocked() throws {
    let lock = try test.lock(reentrant: true)
    let owner = try test.session(), other = try test.session()
    func ready(_ session: Session?) throws -> Call<Void> {
      try Call { orPark throws(CoreError) in try lock.whenReady(for: session, until: nil, orPark: orPark) }
    }
    #expect(try ready(nil).value != nil)
    _ = try lock.acquire(owner)
    #expect(try ready(owner).value != nil)
    let waiting = try ready(other)
    #expect(waiting.isParked)
    try lock.release(for: owner)
    #expect(waiting.value != nil && !lock.snapshot.isLocked)
  }
}
