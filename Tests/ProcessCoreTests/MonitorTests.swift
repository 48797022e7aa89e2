import Linux
import Testing

@testable import ProcessCore

/// A counter of permits: the smallest resource that waiters can compete for.
private struct Permits {
  var count = 0
  var givenUp = 0
}

private func take(_ n: Int) -> Monitor<Permits>.Attempt<Int> {
  { state throws(CoreError) in
    guard state.count >= n else { return nil }
    state.count -= n
    return n
  }
}

private let queue = Lane.inTurn(0, .acquire)
private let crowd = Lane.each(1, .join)

private func makeMonitor(_ alarms: Alarms = Alarms(), count: Int = 0) -> Monitor<Permits> {
  Monitor(Permits(count: count), lanes: 2, alarms: alarms)
}

extension Outcome where T: Equatable {
  fileprivate func isValue(_ expected: T) -> Bool {
    if case .value(let value) = self { value == expected } else { false }
  }
  fileprivate var isTimedOut: Bool { if case .timedOut = self { true } else { false } }
  fileprivate var isHungUp: Bool { if case .hungUp = self { true } else { false } }
  fileprivate var error: CoreError? { if case .failed(let error) = self { error } else { nil } }
}

@Suite struct MonitorTests {
  @Test func anAttemptThatSucceedsAtOnceNeedsNoCompletion() throws {
    let monitor = makeMonitor(count: 1)
    let attempted = try monitor.attempt(in: queue, until: nil, take(1)) { fatalError("asked for a completion") }
    guard case .done(1) = attempted else { Issue.record("\(attempted)"); return }
    #expect(monitor.read { $0.count } == 0)
  }

  @Test func timeoutZeroIsOneTry() throws {
    let monitor = makeMonitor()
    let attempted = try monitor.attempt(in: queue, until: .now, take(1)) { { _ in Issue.record("parked") } }
    guard case .timedOut = attempted else { Issue.record("\(attempted)"); return }
    #expect(monitor.waiters == 0)
  }

  @Test func waitersAreServedInTheOrderInWhichTheyCame() throws {
    let monitor = makeMonitor()
    let told = Told<Int>()
    for id in 0..<5 {
      _ = try monitor.attempt(in: queue, until: nil, take(1)) { { _ in told.tell(id) } }
    }
    monitor.change { $0.count += 3 }
    #expect(told.all == [0, 1, 2])
    monitor.change { $0.count += 2 }
    #expect(told.all == [0, 1, 2, 3, 4])
  }

  @Test func aSmallRequestDoesNotOvertakeALargeOne() throws {
    let monitor = makeMonitor(count: 1)
    let told = Told<String>()
    _ = try monitor.attempt(in: queue, until: nil, take(3)) { { _ in told.tell("large") } }
    // There is a permit for it, but somebody was there before.
    let second = try monitor.attempt(in: queue, until: nil, take(1)) { { _ in told.tell("small") } }
    guard case .parked = second else { Issue.record("overtook"); return }
    monitor.change { $0.count += 2 }
    #expect(told.all == ["large"])
    monitor.change { $0.count += 1 }
    #expect(told.all == ["large", "small"])
  }

  @Test func inACrowdEachIsTriedOnItsOwn() throws {
    let monitor = makeMonitor(count: 1)
    let told = Told<Int>()
    _ = try monitor.attempt(in: crowd, until: nil, take(3)) { { _ in told.tell(3) } }
    let second = try monitor.attempt(in: crowd, until: nil, take(1)) { { _ in told.tell(1) } }
    monitor.end(CoreError(.closed, "deleted"))  // A parked attempt keeps its monitor.
    guard case .done(1) = second else { Issue.record("\(second)"); return }
  }

  @Test func aWaiterThatHangsUpTakesNothingAndLetsTheNextOnThrough() throws {
    let monitor = makeMonitor(count: 1)
    let large = Told<Outcome<Int>>(), small = Told<Outcome<Int>>()
    guard case .parked(let ticket) = try monitor.attempt(in: queue, until: nil, take(2), orPark: { large.tell })
    else { Issue.record("not parked"); return }
    _ = try monitor.attempt(in: queue, until: nil, take(1)) { small.tell }
    #expect(ticket.hangUp())
    #expect(large.all.count == 1 && large.all[0].isHungUp)
    #expect(small.all.count == 1 && small.all[0].isValue(1))
    #expect(!ticket.hangUp(), "a second hang-up finds nobody")
    #expect(large.all.count == 1)
  }

  @Test func theDeadlineRings() throws {
    let alarms = Alarms()
    let monitor = makeMonitor(alarms)
    let told = Told<Outcome<Int>>()
    let deadline = Deadline.after(seconds: 60)
    _ = try monitor.attempt(
      in: queue, until: deadline, take(1),
      onGiveUp: { state, _ in
        state.givenUp += 1
        return false
      }, orPark: { told.tell })
    #expect(alarms.ringDue(at: .now) == deadline)
    #expect(told.all.isEmpty)
    #expect(alarms.ringDue(at: deadline) == nil)
    #expect(told.all.count == 1 && told.all[0].isTimedOut)
    #expect(monitor.read { $0.givenUp } == 1)
    monitor.change { $0.count += 1 }
    #expect(monitor.read { $0.count } == 1, "what timed out takes nothing afterwards")
  }

  @Test func aFinishedWaiterLeavesNoAlarmBehind() throws {
    let alarms = Alarms()
    let monitor = makeMonitor(alarms)
    for _ in 0..<1000 {
      _ = try monitor.attempt(in: queue, until: .after(seconds: 3600), take(1)) { { _ in } }
    }
    #expect(alarms.count == 1000)
    monitor.change { $0.count += 600 }
    #expect(alarms.count == 400)
    monitor.end(CoreError(.closed, "deleted"))
    #expect(alarms.count == 0)
  }

  @Test func theEndOfTheResourceFailsThoseWhoWaitAndThoseWhoCome() throws {
    let monitor = makeMonitor()
    let told = Told<Outcome<Int>>()
    _ = try monitor.attempt(in: queue, until: nil, take(1)) { told.tell }
    _ = try monitor.attempt(in: crowd, until: nil, take(1)) { told.tell }
    let gone = CoreError(.closed, "deleted")
    monitor.end(gone)
    #expect(told.all.count == 2 && told.all.allSatisfy { $0.error == gone })
    #expect(throws: gone) { _ = try monitor.attempt(in: queue, until: nil, take(1)) { { _ in } } }
  }

  @Test func anErrorThatAnAttemptThrowsFinishesIt() throws {
    let monitor = makeMonitor()
    let told = Told<Outcome<Int>>()
    let refusal = CoreError(.notRunning, "no")
    _ = try monitor.attempt(in: queue, until: nil) { state throws(CoreError) -> Int? in
      if state.count < 0 { throw refusal }
      return nil
    } orPark: {
      told.tell
    }
    monitor.change { $0.count = -1 }
    #expect(told.all.count == 1 && told.all[0].error == refusal)
  }

  @Test func aSuccessInOneLaneCanBeWhatAnotherLaneWaitsFor() throws {
    // Lane 1 waits for lane 0 to have taken a permit.
    let monitor = makeMonitor()
    let told = Told<String>()
    _ = try monitor.attempt(in: crowd, until: nil) { state throws(CoreError) in
      state.givenUp == 7 ? 1 : nil
    } orPark: {
      { _ in told.tell("crowd") }
    }
    _ = try monitor.attempt(in: queue, until: nil) { state throws(CoreError) -> Int? in
      guard state.count > 0 else { return nil }
      state.givenUp = 7
      return 1
    } orPark: {
      { _ in told.tell("queue") }
    }
    monitor.change { $0.count = 1 }
    #expect(Set(told.all) == ["crowd", "queue"])
  }

  @Test func manyThatHangUpCostNoMoreThanManyThatCome() throws {
    let monitor = makeMonitor()
    var tickets: [Ticket] = []
    for _ in 0..<20_000 {
      if case .parked(let ticket) = try monitor.attempt(in: queue, until: nil, take(1), orPark: { { _ in } }) {
        tickets.append(ticket)
      }
    }
    let start = secondsOfThisThread()
    for ticket in tickets.reversed() { #expect(ticket.hangUp()) }
    #expect(monitor.waiters == 0)
    #expect(secondsOfThisThread() - start < 5)
  }
}
