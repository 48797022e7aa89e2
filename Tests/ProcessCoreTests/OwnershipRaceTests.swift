import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Several threads on one resource: what no order of theirs may bring about.
@Suite struct OwnershipRaceTests {
  let test = CommonsUnderTest()

  /// Runs `body` on so many threads, with one more that rings alarms, and waits for them.
  private func run(_ count: Int, _ body: @escaping @Sendable (_ number: Int, _ dice: inout Dice) throws -> Void) throws
  {
    let isOver = Flag()
    let alarms = test.alarms
    let ringer = try Thread("ringer") {
      while !isOver.value.load(ordering: .relaxed) {
        _ = alarms.ringDue(at: .now)
        sched_yield()
      }
    }
    let threads = try (0..<count).map { number in
      try Thread("worker") {
        var dice = Dice(seed: number)
        do { try body(number, &dice) } catch { Issue.record("worker \(number): \(error)") }
      }
    }
    for thread in threads { thread.join() }
    isOver.value.store(true, ordering: .relaxed)
    ringer.join()
  }

  /// Taken by one at a time, if the lock that guards it is one: the thread sanitizer sees when it is none.
  private final class Guarded: @unchecked Sendable {
    // Sendable: that it is not touched by two threads at once is what is tested.
    var inside = 0
    var visits = 0
    var items: [Int] = []
    var lastToken: UInt64 = 0
  }

  @Test func noMorePermitsAreOutThanThereAre() throws {
    for isBounded in [true, false] {
      let semaphore = try test.semaphore(2, bounded: isBounded)
      let inside = Counter(), most = Counter(), entries = Counter(), gone = Counter()
      let tokens = Told<UInt64>()
      let test = test
      try run(4) { _, dice in
        var session = try test.session()
        for _ in 0..<1500 {
          let owner = Bool.random(using: &dice) ? session : nil
          let wait = Int.random(in: 0..<4, using: &dice)
          let call = try semaphore.acquire(
            owner, lease: wait == 3 && owner != nil ? 60 : nil, until: wait == 0 ? .after(seconds: 0.00002) : nil)
          if wait == 1, call.hangUp() { gone.add(1) }
          try #require(call.isOver())
          guard let permit = call.value else { continue }
          tokens.tell(permit.token)
          entries.add(1)
          most.raise(to: inside.add(1))
          sched_yield()
          inside.add(-1)
          if owner != nil, Int.random(in: 0..<4, using: &dice) == 0 {
            try test.end(session)
            session = try test.session()
          } else if owner != nil, Bool.random(using: &dice) {
            try semaphore.release(token: permit.token, for: owner)
          } else {
            try semaphore.release(1, for: owner)
          }
        }
        try test.end(session)
      }
      #expect((1...2).contains(most.value.load(ordering: .relaxed)))
      #expect(gone.value.load(ordering: .relaxed) > 0)
      #expect(Set(tokens.all).count == entries.value.load(ordering: .relaxed))
      #expect(semaphore.value == 2 && semaphore.waiterCount == 0 && semaphore.holders.isEmpty)
      #expect(test.alarms.count == 0)
    }
  }

  /// Sessions end while their calls wait, are granted, hang up or time out.
  @Test func nothingIsHeldByASessionThatHasEnded() throws {
    let test = test
    let semaphore = try test.semaphore(3, bounded: true)
    let lock = try test.lock(reentrant: true)
    let current = Mutex<[Session]>(try (0..<4).map { _ in try test.session() })
    let sessions = Told<Session>()
    for session in current.withLock({ $0 }) { sessions.tell(session) }
    let ended = Counter(), left = Counter()
    left.add(4)
    try run(5) { number, dice in
      if number == 4 {
        // The one who ends them.
        while left.value.load(ordering: .relaxed) > 0 {
          for _ in 0..<20 { sched_yield() }
          let which = Int.random(in: 0..<4, using: &dice)
          let next = try test.session()
          sessions.tell(next)
          let old = current.withLock { current in
            defer { current[which] = next }
            return current[which]
          }
          try test.end(old)
          ended.add(1)
        }
        return
      }
      defer { left.add(-1) }
      for _ in 0..<1500 {
        let session = current.withLock { $0[number] }
        let deadline = Bool.random(using: &dice) ? nil : Deadline.after(seconds: 0.00005)
        do throws(CoreError) {
          let call: Call<Permit>
          let isLock = Bool.random(using: &dice)
          if isLock {
            call = try lock.acquire(session, until: deadline)
          } else {
            call = try semaphore.acquire(session, lease: Bool.random(using: &dice) ? 0.0001 : nil, until: deadline)
          }
          if Int.random(in: 0..<3, using: &dice) == 0 { call.hangUp() }
          guard call.isOver() else { throw CoreError(.closed, "it waits for ever") }
          guard call.value != nil, Bool.random(using: &dice) else { continue }
          if isLock { try lock.release(for: session) } else { try semaphore.release(1, for: session) }
        } catch {
          // What it had may have been taken back by now, and so may the session.
          guard [.sessionEnded, .notOwner, .overRelease].contains(error.kind) else { throw error }
        }
      }
    }
    for session in current.withLock({ $0 }) { try test.end(session) }
    #expect(ended.value.load(ordering: .relaxed) > 10)
    #expect(sessions.all.allSatisfy { $0.heldCount == 0 && $0.waiterCount == 0 })
    #expect(semaphore.value == 3 && semaphore.holders.isEmpty && semaphore.waiterCount == 0)
    #expect(!lock.snapshot.isLocked && lock.waiterCount == 0 && test.alarms.count == 0)
    #expect(test.commons.sessions.registry.count == 0)
  }

  @Test func onlyOneHasALock() throws {
    for isReentrant in [false, true] {
      let lock = try test.lock(reentrant: isReentrant)
      let guarded = Guarded()
      let test = test
      try run(4) { _, dice in
        let session = try test.session()
        for _ in 0..<1500 {
          let levels = isReentrant ? Int.random(in: 1...3, using: &dice) : 1
          let call = try lock.acquire(session, until: Bool.random(using: &dice) ? .after(seconds: 0.0001) : nil)
          try #require(call.isOver())
          guard let permit = call.value else { continue }
          for _ in 1..<levels { #expect(try lock.acquire(session).value?.token == permit.token) }
          guarded.inside += 1
          guarded.visits += guarded.inside
          #expect(permit.token > guarded.lastToken, "tokens rise")
          guarded.lastToken = permit.token
          guarded.inside -= 1
          for _ in 0..<levels { try lock.release(for: session) }
        }
        try test.end(session)
      }
      #expect(guarded.inside == 0 && guarded.visits > 1000 && !lock.snapshot.isLocked)
      #expect(guarded.visits == Int(guarded.lastToken), "never two at once")
    }
  }

  /// The textbook's buffer, whose users are killed while they wait: a wake-up that is lost with one would hang the others.
  @Test(.timeLimit(.minutes(2))) func noWakeUpIsLost() throws {
    let lock = try test.lock(reentrant: true)
    let full = try test.condition(on: lock), empty = try test.condition(on: lock)
    let guarded = Guarded()
    let tickets = Mutex<[Ticket]>([])
    let kills = Counter(), left = Counter(), killers = Counter()
    let count = 2000
    left.add(4)
    let test = test

    // Dies by its own hand while it waits for nothing: a fair lock may let all take turns so that nobody ever has to wait.
    @Sendable func die(on condition: Condition, _ session: Session) throws {
      let call = try condition.wait(session)
      if call.hangUp() {
        kills.add(1)
        try #require(try lock.acquire(session).isOver(within: 60))
      } else {
        try #require(call.isOver(within: 60), "a wake-up is lost")
        // The killer hung up, or it was woken in the place of another.
        if call.isHungUp { try #require(try lock.acquire(session).isOver(within: 60)) }
      }
      try condition.notify(for: session)
    }
    @Sendable func sleep(on condition: Condition, _ session: Session, until holds: () -> Bool) throws {
      while !holds() {
        let call = try condition.wait(session)
        if let ticket = call.ticket { tickets.withLock { $0.append(ticket) } }
        try #require(call.isOver(within: 60), "a wake-up is lost")
        // It was killed, and somebody like it takes its place.
        if call.isHungUp { try #require(try lock.acquire(session).isOver(within: 60)) }
      }
    }
    try run(5) { number, dice in
      if number == 4 {
        killers.add(1)
        while left.value.load(ordering: .relaxed) > 0 {
          // The last is one that most likely still waits.
          let ticket = tickets.withLock { tickets -> Ticket? in
            if Bool.random(using: &dice) { return tickets.popLast() }
            return tickets.isEmpty ? nil : tickets.remove(at: .random(in: tickets.indices, using: &dice))
          }
          if ticket?.hangUp() ?? false { kills.add(1) }
          sched_yield()
        }
        return
      }
      defer { left.add(-1) }
      while killers.value.load(ordering: .relaxed) == 0 { sched_yield() }
      let session = try test.session()
      for item in 0..<count {
        try #require(try lock.acquire(session).isOver(within: 60))
        if Int.random(in: 0..<16, using: &dice) == 0 { try die(on: number < 2 ? full : empty, session) }
        if number < 2 {
          try sleep(on: full, session) { guarded.items.count < 3 }
          guarded.items.append(item)
          try empty.notify(for: session)
        } else {
          try sleep(on: empty, session) { !guarded.items.isEmpty }
          guarded.items.removeFirst()
          guarded.visits += 1
          try full.notify(for: session)
        }
        try lock.release(for: session)
      }
      try test.end(session)
    }
    #expect(guarded.visits == 2 * count && guarded.items.isEmpty)
    #expect(kills.value.load(ordering: .relaxed) > 0)
    #expect(!lock.snapshot.isLocked && lock.waiterCount == 0 && full.waiterCount == 0 && empty.waiterCount == 0)
  }

  @Test(.timeLimit(.minutes(2))) func eachRoundOfABarrierHasEachIndexOnce() throws {
    for hasAction in [false, true] {
      let parties = 3, rounds = 700
      let barrier = try test.barrier(parties, action: hasAction)
      let guarded = Guarded()
      let indices = Told<Int>()
      let quits = Counter()
      let test = test
      try run(parties) { _, dice in
        let session = try test.session()
        for round in 0..<rounds {
          while true {
            let call = try barrier.wait(session)
            // While the leader acts a round goes on without one that hangs up, and no two count alike.
            if !hasAction, Int.random(in: 0..<3, using: &dice) == 0, call.hangUp() {
              quits.add(1)
              continue
            }
            try #require(call.isOver(within: 60))
            let place = try #require(call.value, "\(String(describing: call.outcome))")
            indices.tell(round * parties + place.index)
            if place.isLeader {
              guarded.visits += 1
              try barrier.release(for: session)
            } else if hasAction {
              // The leader has acted before anybody went on.
              #expect(guarded.visits == round + 1)
            }
            break
          }
        }
        try test.end(session)
      }
      #expect(indices.all.sorted() == Array(0..<parties * rounds))
      #expect(hasAction || quits.value.load(ordering: .relaxed) > 0)
      #expect(barrier.snapshot.waiting == 0 && !barrier.snapshot.isBroken)
    }
  }

  private final class Flag: Sendable {
    let value = Atomic(false)
  }

  private final class Counter: Sendable {
    let value = Atomic(0)

    @discardableResult
    func add(_ count: Int) -> Int { value.add(count, ordering: .relaxed).newValue }

    func raise(to count: Int) { value.max(count, ordering: .relaxed) }
  }
}
