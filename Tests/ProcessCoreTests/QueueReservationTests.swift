import Linux
import Testing

@testable import ProcessCore

@Suite struct QueueReservationTests {
  @Test func aReservedMessageIsTheQueuesUntilItIsDone() throws {
    let test = try QueueUnderTest()
    try test.put("a")
    let first = try #require(try test.reserve())
    #expect(first.message.deliveries == 0 && test.queue.snapshot.reserved == 1 && test.queue.snapshot.count == 0)
    try test.queue.giveBack(first.receipt, for: nil)
    let second = try #require(try test.reserve())
    #expect(second.message.deliveries == 1 && second.receipt != first.receipt)
    #expect(kind { try test.queue.acknowledge(first.receipt, for: nil) } == .notOwner)
    try test.queue.acknowledge(second.receipt, for: nil)
    #expect(kind { try test.queue.acknowledge(second.receipt, for: nil) } == .notOwner)
    #expect(test.queue.snapshot.bytes == 0 && test.alarms.count == 0)
  }

  @Test func aLeaseEnds() throws {
    let test = try QueueUnderTest(.init(lease: 7))
    for text in ["a", "b", "c"] { try test.put(text) }
    let early = try #require(try test.reserve(lease: 1)), late = try #require(try test.reserve())
    _ = test.alarms.ringDue(at: .after(seconds: 5))
    #expect(test.queue.snapshot.reserved == 1 && test.queue.snapshot.count == 2)
    #expect(kind { try test.queue.touch(early.receipt, for: nil) } == .notOwner)
    try test.queue.touch(late.receipt, for: nil, lease: 60)
    _ = test.alarms.ringDue(at: .after(seconds: 30))
    #expect(test.queue.snapshot.reserved == 1)
    try test.queue.touch(late.receipt, for: nil)
    _ = test.alarms.ringDue(at: .after(seconds: 59))
    #expect(test.queue.snapshot.reserved == 1, "as long as the last time")
    test.pass()
    #expect(try test.rest() == ["b", "a", "c"])
  }

  /// The alarm rings at the moment in which the lease is renewed: the renewal counts.
  @Test func anAlarmThatComesTooLateIsNoEnd() throws {
    let test = try QueueUnderTest()
    try test.put("a")
    let reservation = try #require(try test.reserve(lease: 1))
    let isOver = Atomic(false)
    let alarms = test.alarms
    let ringer = try Thread("ringer") {
      while !isOver.load(ordering: .relaxed) { _ = alarms.ringDue(at: .after(seconds: 10)) }
    }
    var renewals = 0
    // Each time the alarm is due at once; either it ends the lease or the renewal was in time, never both.
    while (try? test.queue.touch(reservation.receipt, for: nil, lease: 1)) != nil { renewals += 1 }
    isOver.store(true, ordering: .relaxed)
    ringer.join()
    #expect(test.queue.snapshot.reserved == 0)
    #expect(try test.rest() == ["a"], "after \(renewals) renewals")
  }

  @Test func givenBackForLater() throws {
    let test = try QueueUnderTest()
    for text in ["a", "b"] { try test.put(text) }
    let reservation = try #require(try test.reserve())
    try test.queue.giveBack(reservation.receipt, for: nil, delay: 30)
    #expect(test.queue.snapshot.delayed == 1 && test.queue.snapshot.reserved == 0)
    #expect(kind { try test.queue.acknowledge(reservation.receipt, for: nil) } == .notOwner)
    #expect(try test.rest() == ["b"])
    let (_, told) = try test.park()
    test.pass()
    #expect(told.all.first?.value?.first.deliveries == 1)
    #expect(test.queue.snapshot.delayed == 0)
  }

  @Test func purgingTakesWhatIsDelayedAndLeavesWhatIsReserved() throws {
    let test = try QueueUnderTest(.init(isJoinable: true))
    for text in ["a", "b", "c"] { try test.put(text) }
    let kept = try #require(try test.reserve()), delayed = try #require(try test.reserve())
    try test.queue.giveBack(delayed.receipt, for: nil, delay: 30)
    #expect(test.queue.purge() == 2)
    test.pass()
    #expect(try test.rest() == ["a"], "its lease ended")
    #expect(kind { try test.queue.acknowledge(kept.receipt, for: nil) } == .notOwner)
    #expect(test.queue.snapshot.unfinished == 1)
  }

  @Test func theEndOfASessionPutsAllBackInOrder() throws {
    let test = try QueueUnderTest()
    for text in ["a", "b", "c", "d"] { try test.put(text) }
    let session = try test.session(), other = try test.session()
    _ = try test.reserve(for: session)
    let foreign = try #require(try test.reserve(for: other))
    _ = try test.reserve(for: session)
    #expect(session.heldCount == 1 && test.queue.holders.map(\.count).sorted() == [1, 2])
    #expect(kind { try test.queue.acknowledge(foreign.receipt, for: session) } == .notOwner)
    #expect(kind { try test.queue.touch(foreign.receipt, for: nil) } == .notOwner)
    try test.commons.sessions.delete(session)
    #expect(try test.rest() == ["a", "c", "d"])
    try test.queue.acknowledge(foreign.receipt, for: other)
    #expect(other.heldCount == 0 && test.queue.holders.isEmpty)
    #expect(kind { _ = try test.reserve(for: session) } == .sessionEnded)
  }

  @Test func aSessionThatEndsWaitsForNothing() throws {
    let test = try QueueUnderTest()
    let session = try test.session()
    let told = Told<Outcome<Reservation>>()
    _ = try test.queue.reserve(for: session, until: nil) { told.tell }
    #expect(test.queue.waiting.first?.verb == .reserve && test.queue.waiting.first?.session == session.name)
    try test.commons.sessions.delete(session)
    #expect(told.all.first?.kind == .sessionEnded)
    try test.put("a")
    #expect(try test.rest() == ["a"])
  }

  @Test func thoseWhoReserveAndThoseWhoGetStandInOneLine() throws {
    let test = try QueueUnderTest()
    let told = Told<String>()
    _ = try test.queue.reserve(for: nil, until: nil) { { told.tell("reserve \($0.value?.message.bytes.text ?? "")") } }
    _ = try test.queue.get(until: nil) { { told.tell("get \($0.value?.text ?? "")") } }
    _ = try test.queue.reserve(for: nil, until: nil) { { told.tell("reserve \($0.value?.message.bytes.text ?? "")") } }
    for text in ["a", "b", "c"] { try test.put(text) }
    #expect(told.all == ["reserve a", "get b", "reserve c"])
  }

  @Test func whatNobodyGotTheReceiptOfIsPutBackAtOnce() throws {
    let test = try QueueUnderTest()
    try test.put("a")
    let reservation = try #require(try test.reserve())
    test.queue.putBack(reservation)
    test.queue.putBack(reservation)
    #expect(try test.delivery()?.first.deliveries == 1)
    #expect(test.queue.snapshot.bytes == 0)
  }

  /// A receipt of a queue that was deleted must not be good for the next of its name.
  @Test func receiptsAreNotUsedAgain() throws {
    let test = try QueueUnderTest()
    try test.put("a")
    let old = try #require(try test.reserve())
    try test.commons.queues.delete(test.queue)
    let again = try test.commons.queues.create(test.queue.name, .init(), in: test.commons)
    _ = try again.put(Message(Bytes("b")), until: .now, orPark: { { _ in } })
    _ = try again.reserve(for: nil, until: .now, orPark: { { _ in } })
    #expect(kind { try again.acknowledge(old.receipt, for: nil) } == .notOwner)
  }
}
