import Linux
import Testing

@testable import ProcessCore

/// A reentrant lock with two conditions, as one would write it for one thread.
private struct Model {
  /// A call that waits: for the lock, or first for a notification of its condition.
  struct Waiting {
    let call: Int
    let session: Int
    var depth = 1
    var condition: Int?
    /// The calls up to which the notification was meant for, once it has one.
    var wokenBy: Int?
  }

  enum Result: Equatable {
    case locked(token: UInt64, isAbandoned: Bool)
    case wokenUp(isNotified: Bool, token: UInt64, isAbandoned: Bool)
    case failed
  }

  var owner: Int?
  var depth = 0
  var token: UInt64 = 0
  var isAbandoned = false
  var queue: [Waiting] = []
  var sleepers: [Waiting] = []
  var results: [Int: Result] = [:]

  mutating func serve() {
    guard owner == nil, !queue.isEmpty else { return }
    let next = queue.removeFirst()
    owner = next.session
    depth = next.depth
    token += 1
    results[next.call] =
      next.condition == nil
      ? .locked(token: token, isAbandoned: isAbandoned)
      : .wokenUp(isNotified: next.wokenBy != nil, token: token, isAbandoned: isAbandoned)
    isAbandoned = false
  }

  mutating func acquire(_ call: Int, _ session: Int) {
    if owner == session {
      depth += 1
      results[call] = .locked(token: token, isAbandoned: false)
    } else {
      queue.append(Waiting(call: call, session: session))
      serve()
    }
  }

  mutating func release(_ session: Int) -> CoreError.Kind? {
    guard let owner else { return .overRelease }
    guard owner == session else { return .notOwner }
    depth -= 1
    if depth == 0 { free() }
    return nil
  }

  private mutating func free() {
    owner = nil
    depth = 0
    serve()
  }

  mutating func wait(_ call: Int, _ session: Int, _ condition: Int) {
    sleepers.append(Waiting(call: call, session: session, depth: depth, condition: condition))
    free()
  }

  mutating func notify(_ count: Int, _ condition: Int, upTo last: Int) {
    for _ in 0..<max(count, 0) {
      guard let index = sleepers.firstIndex(where: { $0.condition == condition && $0.call <= last }) else { return }
      var woken = sleepers.remove(at: index)
      woken.wokenBy = last
      queue.append(woken)
    }
  }

  /// The call's time is over, and it wants the lock.
  mutating func timeOut(_ call: Int) {
    guard let index = sleepers.firstIndex(where: { $0.call == call }) else { return }
    queue.append(sleepers.remove(at: index))
    serve()
  }

  mutating func goes(where isGone: (Waiting) -> Bool) {
    let gone = queue.filter(isGone)
    queue.removeAll(where: isGone)
    sleepers.removeAll(where: isGone)
    for waiting in gone {
      if let last = waiting.wokenBy, let condition = waiting.condition { notify(1, condition, upTo: last) }
    }
    serve()
  }

  mutating func end(_ session: Int) {
    for waiting in queue + sleepers where waiting.session == session { results[waiting.call] = .failed }
    goes { $0.session == session }
    if owner == session {
      isAbandoned = true
      free()
    }
  }
}

@Suite struct ConditionModelTests {
  @Test(arguments: 0..<60)
  func itDoesWhatTheModelDoes(seed: Int) throws {
    let test = CommonsUnderTest()
    var dice = Dice(seed: seed)
    let lock = try test.lock(reentrant: true)
    let conditions = [try test.condition(on: lock), try test.condition(on: lock)]
    var model = Model()
    var sessions = try (0..<6).map { _ in try test.session() }
    var names = Array(0..<6)
    var calls: [any AnyCall] = []
    var deadlines: [Int: Double] = [:]
    /// Those that may still be told something.
    var waiting: [Int] = [], waitingFrom = 0

    for step in 0..<500 {
      // Mostly the one that has the lock, since the others can do little.
      let owner = model.owner.flatMap { names.firstIndex(of: $0) }
      let isByOwner = owner != nil && Int.random(in: 0..<3, using: &dice) > 0
      let who = isByOwner ? owner! : Int.random(in: 0..<6, using: &dice)
      let session = sessions[who], name = names[who]
      let which = Int.random(in: 0..<2, using: &dice), condition = conditions[which]
      switch Int.random(in: 0..<20, using: &dice) {
      case 0..<6:
        calls.append(try lock.acquire(session))
        model.acquire(calls.count - 1, name)
      case 6..<9:
        let expected = model.release(name)
        #expect(kind { try lock.release(for: session) } == expected, "step \(step)")
      case 9..<13:
        guard model.owner == name else {
          #expect(kind { _ = try condition.wait(session) } == .notOwner)
          continue
        }
        // Each time is over later than those before.
        let seconds = Double(calls.count + 1) * 1000
        let hasDeadline = Int.random(in: 0..<3, using: &dice) == 0
        if hasDeadline { deadlines[calls.count] = seconds }
        calls.append(try condition.wait(session, until: hasDeadline ? .after(seconds: seconds) : nil))
        model.wait(calls.count - 1, name, which)
      case 13..<16:
        let count = Int.random(in: -1...3, using: &dice)
        if model.owner != name {
          #expect(kind { try condition.notify(count, for: session) } == .notOwner)
        } else if count < 3 {
          try condition.notify(count, for: session)
          model.notify(count, which, upTo: calls.count - 1)
        } else {
          try condition.notifyAll(for: session)
          model.notify(.max >> 1, which, upTo: calls.count - 1)
        }
      case 16..<18:
        guard let waiting = (model.queue + model.sleepers).randomElement(using: &dice) else { continue }
        #expect(calls[waiting.call].hangUp())
        model.goes { $0.call == waiting.call }
      case 18:
        guard let first = model.sleepers.compactMap({ deadlines[$0.call] == nil ? nil : $0.call }).min() else {
          continue
        }
        test.ring(within: deadlines[first]! + 500)
        model.timeOut(first)
      default:
        try test.end(session)
        model.end(name)
        sessions[who] = try test.session()
        names[who] = names.max()! + 1
      }
      let now = lock.snapshot
      try #require(
        now.isLocked == (model.owner != nil) && now.depth == model.depth && now.token == model.token, "step \(step)")
      let asleep = (0..<2).map { which in model.sleepers.filter { $0.condition == which }.count }
      try #require(lock.waiterCount == model.queue.count && conditions.map(\.waiterCount) == asleep, "step \(step)")
      try #require(sessions.map(\.heldCount) == names.map { $0 == model.owner ? 1 : 0 }, "step \(step)")
      let parked = Set((model.queue + model.sleepers).map(\.call))
      waiting += waitingFrom..<calls.count
      waitingFrom = calls.count
      for index in waiting {
        guard calls[index].isParked == parked.contains(index), calls[index].result == model.results[index] else {
          Issue.record("step \(step), call \(index): \(String(describing: calls[index].result))")
          return
        }
      }
      waiting.removeAll { !calls[$0].isParked }
    }
  }
}

/// An acquire or a wait.
private protocol AnyCall {
  var isParked: Bool { get }
  var result: Model.Result? { get }
  func hangUp() -> Bool
}

extension Call: AnyCall {
  fileprivate var result: Model.Result? {
    switch outcome {
    case .value(let permit as Permit): .locked(token: permit.token, isAbandoned: permit.isAbandoned)
    case .value(let end as Condition.Wakening):
      .wokenUp(isNotified: end.isNotified, token: end.permit.token, isAbandoned: end.permit.isAbandoned)
    case .failed: .failed
    default: nil
    }
  }
}
