import Linux
import Testing

@testable import ProcessCore

@Suite struct BarrierTests {
  let test = CommonsUnderTest()

  private func indices(_ calls: [Call<Barrier.Place>]) -> [Int?] { calls.map { $0.value?.index } }

  @Test func allGoOnWhenAllAreThereRoundAfterRound() throws {
    let barrier = try test.barrier(3)
    for _ in 0..<3 {
      let calls = try (0..<2).map { _ in try barrier.wait() }
      #expect(calls.allSatisfy(\.isParked) && barrier.snapshot.waiting == 2)
      let last = try barrier.wait()
      #expect(indices(calls + [last]) == [0, 1, 2])
      #expect(barrier.snapshot.waiting == 0 && !barrier.snapshot.isBroken)
    }
    #expect(try test.barrier(1).wait(until: .now).value?.index == 0)
  }

  @Test func aTimeoutOfOneBreaksItForAll() throws {
    let barrier = try test.barrier(3)
    let patient = try barrier.wait()
    let late = try barrier.wait(until: .after(seconds: 5))
    test.ring(within: 6)
    #expect(late.isTimedOut && patient.failure == .brokenBarrier)
    #expect(barrier.snapshot.isBroken && barrier.snapshot.waiting == 0)
    #expect(kind { _ = try barrier.wait() } == .brokenBarrier)
    barrier.reset()
    // Also the one that has no time at all, unless it is the last.
    let waiting = try barrier.wait()
    #expect(try barrier.wait(until: .now).isTimedOut)
    #expect(waiting.failure == .brokenBarrier)
    barrier.reset()
    let others = try (0..<2).map { _ in try barrier.wait() }
    #expect(try barrier.wait(until: .now).value?.index == 2)
    #expect(indices(others) == [0, 1])
  }

  @Test func theTimeoutOfTheBarrierIsTheDefault() throws {
    let barrier = try test.barrier(2, timeout: 5)
    let patient = try barrier.wait(until: .after(seconds: 50))
    test.ring(within: 49)
    #expect(patient.isParked)
    patient.hangUp()
    let call = try barrier.wait()
    test.ring(within: 6)
    #expect(call.isTimedOut && barrier.snapshot.isBroken)
  }

  @Test func abortBreaksItUntilItIsReset() throws {
    let barrier = try test.barrier(2)
    let waiting = try barrier.wait()
    barrier.abort()
    #expect(waiting.failure == .brokenBarrier)
    #expect(kind { _ = try barrier.wait() } == .brokenBarrier)
    barrier.reset()
    #expect(!barrier.snapshot.isBroken)
    let first = try barrier.wait()
    #expect(try barrier.wait().value?.index == 1)
    #expect(first.value?.index == 0)
  }

  @Test func resetBreaksForThoseWhoWaitAlone() throws {
    let barrier = try test.barrier(2)
    let waiting = try barrier.wait()
    barrier.reset()
    #expect(waiting.failure == .brokenBarrier && !barrier.snapshot.isBroken)
    #expect(try barrier.wait().isParked)
    #expect(try barrier.wait().value?.index == 1)
  }

  @Test func whoHangsUpHasNeverArrived() throws {
    let barrier = try test.barrier(4)
    let session = try test.session()
    var calls = try [barrier.wait(), barrier.wait(session), barrier.wait()]
    #expect(calls[0].hangUp())
    try test.end(session)
    #expect(calls[1].failure == .sessionEnded)
    #expect(barrier.snapshot.waiting == 1 && !barrier.snapshot.isBroken)
    // Their indices are given anew, the lower first.
    calls += try [barrier.wait(), barrier.wait(), barrier.wait()]
    #expect(indices(calls) == [nil, nil, 2, 0, 1, 3])
    // All of them gone: as if nobody had come.
    let others = try (0..<3).map { _ in try barrier.wait() }
    for call in others { call.hangUp() }
    let round = try (0..<4).map { _ in try barrier.wait() }
    #expect(indices(round) == [0, 1, 2, 3])
  }

  @Test func manyThatHangUpCostNoMoreThanManyThatCome() throws {
    let barrier = try test.barrier(10_000)
    let start = secondsOfThisThread()
    let calls = try (0..<5000).map { _ in try barrier.wait() }
    for call in calls { call.hangUp() }
    #expect(calls.allSatisfy(\.isHungUp) && barrier.snapshot.waiting == 0 && barrier.waiterCount == 0)
    #expect(try barrier.wait().isParked)
    #expect(secondsOfThisThread() - start < 5)
  }

  @Test func theLastToArriveActsForAll() throws {
    let barrier = try test.barrier(3, action: true)
    #expect(kind { _ = try barrier.wait() } == .invalid(pointer: "Procession-Session"))
    let sessions = try (0..<5).map { _ in try test.session() }
    #expect(kind { try barrier.release(for: sessions[0]) } == .overRelease)
    let calls = try sessions[..<2].map { try barrier.wait($0) }
    let leader = try barrier.wait(sessions[2])
    #expect(leader.value == Barrier.Place(index: 2, isLeader: true))
    #expect(calls.allSatisfy(\.isParked) && barrier.snapshot.waiting == 2 && sessions[2].heldCount == 1)
    #expect(barrier.holders.map(\.session) == [sessions[2].name])
    // Who comes meanwhile waits for the next round.
    let next = try sessions[3...].map { try barrier.wait($0) }
    #expect(kind { try barrier.release(for: sessions[0]) } == .notOwner)
    try barrier.release(for: sessions[2])
    #expect(calls.compactMap(\.value) == [.init(index: 0, isLeader: false), .init(index: 1, isLeader: false)])
    #expect(next.allSatisfy(\.isParked) && barrier.snapshot.waiting == 2 && sessions[2].heldCount == 0)
    #expect(kind { try barrier.release(for: sessions[2]) } == .overRelease)
    #expect(try barrier.wait(sessions[0]).value?.isLeader == true)
    try barrier.release(for: sessions[0])
    #expect(indices(next) == [0, 1])
  }

  @Test func enoughOfThoseWhoWaitForTheNextRoundHaveALeaderToo() throws {
    let barrier = try test.barrier(2, action: true)
    let sessions = try (0..<6).map { _ in try test.session() }
    let calls = try sessions.map { try barrier.wait($0) }
    #expect(calls.filter { !$0.isParked }.count == 1)
    for leader in [1, 3, 5] {
      #expect(calls[leader].value == Barrier.Place(index: 1, isLeader: true))
      #expect(calls[leader - 1].isParked)
      try barrier.release(for: sessions[leader])
      #expect(calls[leader - 1].value == Barrier.Place(index: 0, isLeader: false))
    }
  }

  @Test func aLeaderThatAbortsOrEndsOrIsTooSlowBreaksIt() throws {
    for way in ["abort", "end", "timeout", "reset"] {
      let barrier = try test.barrier(2, action: true)
      let waiter = try test.session(), leader = try test.session(), late = try test.session()
      let call = try barrier.wait(waiter, until: .after(seconds: 5))
      _ = try barrier.wait(leader)
      let next = try barrier.wait(late)
      switch way {
      case "abort": barrier.abort()
      case "end": try test.end(leader)
      case "timeout": test.ring(within: 6)
      default: barrier.reset()
      }
      #expect(way == "timeout" ? call.isTimedOut : call.failure == .brokenBarrier, "\(way)")
      #expect(barrier.snapshot.isBroken == (way != "reset"))
      #expect(way == "reset" ? next.isParked : next.failure == .brokenBarrier, "\(way)")
      #expect(leader.heldCount == 0)
      if way != "end" {
        #expect(kind { try barrier.release(for: leader) } == (way == "reset" ? .overRelease : .brokenBarrier))
      }
    }
  }

  @Test func aWaiterThatGoesWhileTheLeaderActsBreaksNothing() throws {
    let barrier = try test.barrier(3, action: true)
    let sessions = try (0..<3).map { _ in try test.session() }
    let calls = try sessions.map { try barrier.wait($0) }
    calls[0].hangUp()
    #expect(barrier.snapshot.waiting == 1)
    try barrier.release(for: sessions[2])
    #expect(calls[1].value?.index == 1 && !barrier.snapshot.isBroken)
  }

  @Test func theDeletionFailsThoseWhoWait() throws {
    let barrier = try test.barrier(2, action: true)
    let a = try test.session(), b = try test.session()
    let waiting = try barrier.wait(a)
    _ = try barrier.wait(b)
    try test.commons.barriers.delete(barrier)
    #expect(waiting.failure == .closed && b.heldCount == 0)
  }
}
