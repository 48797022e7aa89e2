import Linux
import Testing

@testable import ProcessCore

@Suite struct EventTests {
  let test = CommonsUnderTest()

  @Test func setWakesAllAndIsIdempotent() throws {
    let event = try test.event()
    #expect(!event.isSet)
    #expect(try event.wait(until: .now).isTimedOut)
    let calls = try (0..<100).map { _ in try event.wait() }
    event.set()
    event.set()
    #expect(calls.allSatisfy { $0.value != nil } && event.isSet)
    #expect(try event.wait(until: .now).value != nil)
    event.clear()
    event.clear()
    #expect(try event.wait(until: .now).isTimedOut)
  }

  /// Python's own event looks again after it was woken, and may say False.
  @Test func whoWasWokenIsToldSoEvenIfItIsClearedRightAfter() throws {
    let event = try test.event()
    let call = try event.wait(until: .after(seconds: 60))
    event.set()
    event.clear()
    #expect(call.value != nil && test.alarms.count == 0)
    #expect(try event.wait().isParked)
  }

  @Test func aWaitEndsByTimeByHangUpByItsSessionAndWithTheEvent() throws {
    let event = try test.event()
    let session = try test.session()
    let late = try event.wait(until: .after(seconds: 1)), gone = try event.wait(), bound = try event.wait(session)
    let last = try event.wait()
    test.ring(within: 2)
    #expect(late.isTimedOut)
    #expect(gone.hangUp() && gone.isHungUp)
    try test.end(session)
    #expect(bound.failure == .sessionEnded)
    #expect(event.waiterCount == 1)
    try test.commons.events.delete(event)
    #expect(last.failure == .closed)
  }
}
