import Linux
import Testing

@testable import ProcessCore

/// A barrier as one would write it for one thread.
private struct Model {
  enum Result: Equatable {
    case place(Int, isLeader: Bool)
    case broken, timedOut, failed
  }

  let parties: Int
  let hasAction: Bool
  var isBroken = false
  var leader: Int?
  /// The calls of this round by index; nil is the leader's.
  var round: [Int: Int?] = [:]
  /// Those who wait for the next round.
  var next: [(call: Int, session: Int)] = []
  var results: [Int: Result] = [:]

  mutating func wait(_ call: Int, _ session: Int) {
    if isBroken {
      results[call] = .broken
    } else if leader != nil {
      next.append((call, session))
    } else {
      arrive(call, session)
    }
  }

  private mutating func arrive(_ call: Int, _ session: Int) {
    let index = (0..<parties).first { round[$0] == nil }!
    if round.count + 1 < parties {
      round[index] = call
    } else if hasAction {
      results[call] = .place(index, isLeader: true)
      round[index] = .some(nil)
      leader = session
    } else {
      results[call] = .place(index, isLeader: false)
      pass()
    }
  }

  private mutating func pass() {
    for (index, call) in round { if let call { results[call] = .place(index, isLeader: false) } }
    begin()
  }

  private mutating func begin() {
    round = [:]
    leader = nil
    let waiting = next
    next = []
    for (call, session) in waiting { wait(call, session) }
  }

  mutating func release(_ session: Int) -> CoreError.Kind? {
    guard leader != nil else { return isBroken ? .brokenBarrier : .overRelease }
    guard leader == session else { return .notOwner }
    pass()
    return nil
  }

  mutating func fail(thenBroken: Bool) {
    for case let (_, call?) in round { results[call] = .broken }
    isBroken = thenBroken
    begin()
  }

  var waiting: Set<Int> { Set(round.values.compactMap { $0 } + next.map(\.call)) }

  mutating func goes(_ call: Int) {
    // Its index is free again, unless all were there.
    if leader == nil {
      round = round.filter { $0.value != call }
    } else {
      round = round.mapValues { $0 == call ? nil : $0 }
    }
    next.removeAll { $0.call == call }
  }
}

@Suite struct BarrierModelTests {
  @Test(arguments: 0..<60)
  func itDoesWhatTheModelDoes(seed: Int) throws {
    let test = CommonsUnderTest()
    var dice = Dice(seed: seed)
    let parties = Int.random(in: 1...5, using: &dice)
    let barrier = try test.barrier(parties, action: seed % 2 == 0)
    var model = Model(parties: parties, hasAction: seed % 2 == 0)
    var sessions = try (0..<6).map { _ in try test.session() }
    var names = Array(0..<6)
    var calls: [Call<Barrier.Place>] = []
    var owners: [Int: Int] = [:]
    var deadlines: [Int: Double] = [:]
    /// Those that may still be told something.
    var waiting: [Int] = [], waitingFrom = 0

    for step in 0..<400 {
      let who = Int.random(in: 0..<6, using: &dice)
      switch Int.random(in: 0..<30, using: &dice) {
      case 0..<16:
        let seconds = Double(calls.count + 1) * 1000
        let hasDeadline = Int.random(in: 0..<4, using: &dice) == 0
        owners[calls.count] = names[who]
        model.wait(calls.count, names[who])
        do throws(CoreError) {
          calls.append(try barrier.wait(sessions[who], until: hasDeadline ? .after(seconds: seconds) : nil))
          if hasDeadline, calls.last!.isParked { deadlines[calls.count - 1] = seconds }
        } catch {
          #expect(error.kind == .brokenBarrier)
          calls.append(Call(error))
        }
      case 16..<22:
        let leader = model.leader.flatMap { names.firstIndex(of: $0) } ?? who
        let by = Int.random(in: 0..<3, using: &dice) == 0 ? who : leader
        let expected = model.release(names[by])
        #expect(kind { try barrier.release(for: sessions[by]) } == expected, "step \(step)")
      case 22..<25:
        guard let call = model.waiting.sorted().randomElement(using: &dice) else { continue }
        #expect(calls[call].hangUp())
        model.goes(call)
      case 25:
        guard let first = model.waiting.filter({ deadlines[$0] != nil }).min() else { continue }
        test.ring(within: deadlines[first]! + 500)
        model.goes(first)
        model.results[first] = .timedOut
        model.fail(thenBroken: true)
      case 26:
        barrier.abort()
        model.fail(thenBroken: true)
      case 27, 28:
        barrier.reset()
        model.fail(thenBroken: false)
      default:
        try test.end(sessions[who])
        for call in model.waiting.sorted() where owners[call] == names[who] {
          model.goes(call)
          model.results[call] = .failed
        }
        if model.leader == names[who] { model.fail(thenBroken: true) }
        sessions[who] = try test.session()
        names[who] = names.max()! + 1
      }
      let now = barrier.snapshot
      try #require(now.isBroken == model.isBroken, "step \(step)")
      try #require(now.waiting == model.round.values.compactMap { $0 }.count, "step \(step)")
      try #require(sessions.map(\.heldCount) == names.map { $0 == model.leader ? 1 : 0 }, "step \(step)")
      waiting += waitingFrom..<calls.count
      waitingFrom = calls.count
      for index in waiting {
        guard calls[index].isParked == model.waiting.contains(index), result(calls[index]) == model.results[index]
        else {
          Issue.record("step \(step), call \(index): \(String(describing: calls[index].outcome))")
          return
        }
      }
      waiting.removeAll { !calls[$0].isParked }
    }
  }

  private func result(_ call: Call<Barrier.Place>) -> Model.Result? {
    switch call.outcome {
    case .value(let place): .place(place.index, isLeader: place.isLeader)
    case .timedOut: .timedOut
    case .failed(let error): error.kind == .brokenBarrier ? .broken : .failed
    case .hungUp, nil: nil
    }
  }
}
