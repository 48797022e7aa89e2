import Linux
import Testing

@testable import ProcessCore

/// What is waited for: counters that are ready while they are above 0.
private final class Counter: Selectable {
  private let monitor: Monitor<Int>

  init(_ count: Int = 0, _ alarms: Alarms = Alarms()) { monitor = Monitor(count, lanes: 1, alarms: alarms) }

  func whenReady(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: .each(0, .wait), until: deadline, for: session, { count throws(CoreError) in count > 0 ? () : nil },
      orPark: completion)
  }

  func set(_ count: Int) { monitor.change { $0 = count } }
  func end() { monitor.end(CoreError(.closed, "deleted")) }
  var waiters: Int { monitor.waiters }
}

@Suite struct SelectionTests {
  private func park(_ targets: [Counter], all: Bool) throws -> (Ticket, Told<Outcome<[Int]>>) {
    let told = Told<Outcome<[Int]>>()
    let attempted = try Selection(targets, all: all, for: nil).wait(until: nil) { told.tell }
    guard case .parked(let ticket) = attempted else { throw CoreError(.closed, "not parked: \(attempted)") }
    return (ticket, told)
  }

  private func indices(_ told: Told<Outcome<[Int]>>) -> [Int]? {
    if told.all.count == 1, case .value(let ready) = told.all[0] { ready } else { nil }
  }

  @Test func whatIsReadyNowIsAnsweredNow() throws {
    let targets = [Counter(0), Counter(1), Counter(1)]
    guard case .done(let ready) = try Selection(targets, all: false, for: nil).wait(until: nil, orPark: { { _ in } })
    else { Issue.record("parked"); return }
    #expect(ready == [1, 2])
    guard case .timedOut = try Selection(targets, all: true, for: nil).wait(until: .now, orPark: { { _ in } })
    else { Issue.record("not all are ready"); return }
  }

  /// Python's `wait([])` waits for ever.
  @Test func anyOfNothingIsRefusedAndAllOfNothingIsReady() throws {
    for deadline in [nil, .after(seconds: 100), Deadline.now] {
      #expect(throws: CoreError.self) {
        try Selection([], all: false, for: nil).wait(until: deadline, orPark: { { _ in } })
      }
      guard case .done([]) = try Selection([], all: true, for: nil).wait(until: deadline, orPark: { { _ in } })
      else { Issue.record("parked"); return }
    }
  }

  @Test func anyIsToldOfAllThatAreReadyAndLetsGoOfTheRest() throws {
    let targets = [Counter(), Counter(), Counter()]
    let (_, told) = try park(targets, all: false)
    #expect(targets.map(\.waiters) == [1, 1, 1])
    targets[1].set(1)
    #expect(indices(told) == [1])
    #expect(targets.map(\.waiters) == [0, 0, 0])
    targets[0].set(1)
    #expect(told.all.count == 1, "it is told once")
  }

  @Test func allWaitsUntilTheyAreReadyAtOnce() throws {
    let targets = [Counter(), Counter(), Counter()]
    let (_, told) = try park(targets, all: true)
    targets[0].set(1)
    targets[0].set(0)
    targets[1].set(1)
    targets[2].set(1)
    #expect(told.all.isEmpty, "the first is not ready any more")
    targets[0].set(1)
    #expect(indices(told) == [0, 1, 2])
  }

  @Test func whatIsDeletedCountsAsReady() throws {
    let targets = [Counter(), Counter()]
    let (_, told) = try park(targets, all: false)
    targets[1].end()
    #expect(indices(told) == [1])
  }

  @Test func aHangUpLeavesNobodyParked() throws {
    let targets = [Counter(), Counter()]
    let (ticket, told) = try park(targets, all: false)
    #expect(ticket.hangUp())
    #expect(targets.map(\.waiters) == [0, 0])
    #expect(!ticket.hangUp())
    #expect(told.all.count == 1)
  }

  @Test func theDeadlineEndsIt() throws {
    let alarms = Alarms()
    let targets = [Counter(0, alarms), Counter(0, alarms)]
    let told = Told<Outcome<[Int]>>()
    let deadline = Deadline.after(seconds: 60)
    _ = try Selection(targets, all: false, for: nil).wait(until: deadline) { told.tell }
    _ = alarms.ringDue(at: deadline)
    guard told.all.count == 1, case .timedOut = told.all[0] else { Issue.record("\(told.all)"); return }
    #expect(targets.map(\.waiters) == [0, 0])
    #expect(alarms.count == 0)
  }

  /// Each target flickers from a thread of its own while selections come, wait and hang up.
  @Test func eachSelectionIsFinishedOnceAndNoneStaysParked() throws {
    let targets = (0..<4).map { _ in Counter() }
    let isOver = Atomic(false)
    let flickers = try targets.map { target in
      try Thread("flicker") {
        while !isOver.load(ordering: .relaxed) {
          target.set(1)
          target.set(0)
        }
      }
    }
    let finished = Atomic(0)
    for round in 0..<2000 {
      let attempted = try Selection(targets, all: round % 2 == 0, for: nil).wait(until: nil) {
        { _ in finished.add(1, ordering: .relaxed) }
      }
      if case .parked(let ticket) = attempted { ticket.hangUp() } else { finished.add(1, ordering: .relaxed) }
    }
    isOver.store(true, ordering: .relaxed)
    for thread in flickers { thread.join() }
    #expect(eventually { finished.load(ordering: .relaxed) == 2000 })
    for target in targets { target.set(0) }
    #expect(eventually { targets.allSatisfy { $0.waiters == 0 } })
  }
}
