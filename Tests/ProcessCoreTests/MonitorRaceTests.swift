import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Grant against deadline against hang-up against the end of the session against that of the resource, on six threads at
/// once.
@Suite struct MonitorRaceTests {
  private struct State {
    var permits = 0
    var wakeUps = 0
    var taken = 0
    var givenUp = 0
  }

  private final class Tally: Sendable {
    let values = Atomic(0), timeouts = Atomic(0), hangUps = Atomic(0), failures = Atomic(0), ends = Atomic(0)

    func count(_ outcome: Outcome<Int>) {
      switch outcome {
      case .value: values.add(1, ordering: .relaxed)
      case .timedOut: timeouts.add(1, ordering: .relaxed)
      case .hungUp: hangUps.add(1, ordering: .relaxed)
      case .failed(let error) where error.kind == .sessionEnded: ends.add(1, ordering: .relaxed)
      case .failed: failures.add(1, ordering: .relaxed)
      }
    }

    var sum: Int {
      values.load(ordering: .relaxed) + timeouts.load(ordering: .relaxed) + hangUps.load(ordering: .relaxed)
        + failures.load(ordering: .relaxed) + ends.load(ordering: .relaxed)
    }
  }

  @Test func eachOfManyAttemptsIsFinishedExactlyOnce() throws {
    let rounds = 50_000
    let test = CommonsUnderTest(limit: .max)
    let alarms = test.alarms
    let tally = Tally()
    let finishedTwice = Counter()
    var parked = 0, direct = 0, refused = 0
    let stop = Flag()
    let current = Box(Monitor(State(), lanes: 3, alarms: alarms))
    let session = Box(try test.session())
    let sessions = Told<Session>()
    sessions.tell(session.value.withLock { $0 })
    let tickets = Box<[Ticket]>([])

    // Rings deadlines, gives permits, and hangs up, each on its own thread, against whatever monitor is current.
    let ringer = try Thread("ringer") {
      while !stop.isSet.load(ordering: .relaxed) { _ = alarms.ringDue(at: .now) }
      _ = alarms.ringDue(at: .distantFuture)
    }
    let granter = try Thread("granter") {
      // Few permits, so that many attempts are parked.
      while !stop.isSet.load(ordering: .relaxed) {
        current.value.withLock { $0 }.change {
          $0.permits = min($0.permits + 1, 2)
          $0.wakeUps = min($0.wakeUps + 1, 2)
        }
      }
    }
    let quitter = try Thread("quitter") {
      while !stop.isSet.load(ordering: .relaxed) { tickets.value.withLock { $0.popLast() }?.hangUp() }
    }
    let ender = try Thread("ender") {
      while !stop.isSet.load(ordering: .relaxed) {
        for _ in 0..<100 { sched_yield() }
        current.value.withLock { $0 }.end(CoreError(.closed, "deleted"))
        current.value.withLock { $0 = Monitor(State(), lanes: 3, alarms: alarms) }
      }
    }
    let killer = try Thread("killer") {
      while !stop.isSet.load(ordering: .relaxed) {
        for _ in 0..<100 { sched_yield() }
        guard let next = try? test.session() else { continue }
        sessions.tell(next)
        let last = session.value.withLock { session in
          defer { session = next }
          return session
        }
        try? test.end(last)
      }
    }

    for round in 0..<rounds {
      let monitor = current.value.withLock { $0 }
      let lane = round % 3 == 0 ? Lane.each(1, .join) : Lane.inTurn(0, .acquire)
      let told = Flag()
      let deadline = Deadline.now.advanced(seconds: Double(round % 7) * 0.00001)
      let owner = round % 5 < 3 ? session.value.withLock { $0 } : nil
      let take: Monitor<State>.Attempt<Int> = { state throws(CoreError) in
        guard state.permits > 0 else { return nil }
        state.permits -= 1
        state.taken += 1
        return 1
      }
      let giveUp: @Sendable (inout State, Ending) -> Bool = { state, _ in
        state.givenUp += 1
        return round % 2 == 0
      }
      let completion: Completion<Int> = { outcome in
        if told.isSet.exchange(true, ordering: .relaxed) { finishedTwice.value.add(1, ordering: .relaxed) }
        tally.count(outcome)
      }
      let attempted =
        round % 4 == 3
        ? try? monitor.sleep(
          in: .inTurn(2, .wait), until: deadline, then: .inTurn(0, .acquire), for: owner, begin: { _ in },
          wake: { state in
            guard state.wakeUps > 0 else { return false }
            state.wakeUps -= 1
            return true
          }, take, onGiveUp: giveUp, orPark: { completion })
        : try? monitor.attempt(in: lane, until: deadline, for: owner, take, onGiveUp: giveUp, orPark: { completion })
      switch attempted {
      case .done, .timedOut: direct += 1
      case nil: refused += 1
      case .parked(let ticket):
        parked += 1
        if round % 2 == 0 { tickets.value.withLock { $0.append(ticket) } }
      }
    }
    stop.isSet.store(true, ordering: .relaxed)
    ringer.join()
    granter.join()
    quitter.join()
    ender.join()
    killer.join()
    current.value.withLock { $0 }.end(CoreError(.closed, "deleted"))

    #expect(parked + direct + refused == rounds)
    #expect(tally.sum == parked)
    #expect(finishedTwice.value.load(ordering: .relaxed) == 0)
    #expect(refused > 0)
    #expect(alarms.count == 0)
    #expect(sessions.all.allSatisfy { $0.waiterCount == 0 })
    // The race is only a test when every ending was seen.
    #expect(tally.values.load(ordering: .relaxed) > 0)
    #expect(tally.timeouts.load(ordering: .relaxed) > 0)
    #expect(tally.hangUps.load(ordering: .relaxed) > 0)
    #expect(tally.failures.load(ordering: .relaxed) > 0)
    #expect(tally.ends.load(ordering: .relaxed) > 0)
  }

  private final class Counter: Sendable {
    let value = Atomic(0)
  }

  private final class Box<T: Sendable>: Sendable {
    let value: Mutex<T>
    init(_ value: T) { self.value = Mutex(value) }
  }

  private final class Flag: Sendable {
    let isSet = Atomic(false)
  }
}
