import Linux
import Testing

@testable import ProcessCore

/// A semaphore as one would write it for one thread: the queue is an array, and everything is looked for from its beginning.
private struct Model {
  struct Permit {
    let token: UInt64
    let session: Int?
    let lease: Int?
  }

  let initial: Int
  let isBounded: Bool
  var value: Int
  var token: UInt64 = 0
  var abandoned = 0
  var permits: [Permit] = []
  var queue: [(call: Int, session: Int?, lease: Int?)] = []
  var granted: [Int: (token: UInt64, isAbandoned: Bool)] = [:]
  var failed: Set<Int> = []

  mutating func serve() {
    while value > 0, !queue.isEmpty {
      let next = queue.removeFirst()
      value -= 1
      token += 1
      granted[next.call] = (token, abandoned > 0)
      abandoned = max(abandoned - 1, 0)
      permits.append(Permit(token: token, session: next.session, lease: next.lease))
    }
  }

  mutating func release(_ count: Int, _ session: Int?, force: Bool) -> CoreError.Kind? {
    if isBounded {
      let foreign = permits.filter { $0.session != nil && $0.session != session }.count
      if count > initial - value { return .overRelease }
      if !force, count > initial - value - foreign { return .notOwner }
    }
    var order: [Permit] = session == nil ? [] : permits.filter { $0.session == session }
    order += permits.filter { $0.session == nil && $0.lease != nil }
    if force { order += permits.filter { $0.session != nil && $0.session != session } }
    for permit in order.prefix(count) { permits.removeAll { $0.token == permit.token } }
    // Those that nobody answers for are told apart by nothing.
    for _ in 0..<max(count - order.count, 0) {
      if let index = permits.firstIndex(where: { $0.session == nil && $0.lease == nil }) { permits.remove(at: index) }
    }
    value += count
    serve()
    return nil
  }

  mutating func release(token: UInt64, _ session: Int?, force: Bool) -> CoreError.Kind? {
    let index = permits.firstIndex { $0.token == token && ($0.session != nil || $0.lease != nil) }
    guard let index, force || permits[index].session == nil || permits[index].session == session else {
      return .notOwner
    }
    if isBounded, value >= initial { return .overRelease }
    permits.remove(at: index)
    value += 1
    serve()
    return nil
  }

  mutating func abandon(where isLost: (Permit) -> Bool) {
    let lost = permits.filter(isLost).count
    permits.removeAll(where: isLost)
    value += lost
    abandoned += lost
    serve()
  }

  mutating func hangUp(_ call: Int) {
    queue.removeAll { $0.call == call }
    serve()
  }

  mutating func end(_ session: Int) {
    failed.formUnion(queue.filter { $0.session == session }.map(\.call))
    queue.removeAll { $0.session == session }
    serve()
    abandon { $0.session == session }
  }
}

@Suite struct SemaphoreModelTests {
  @Test(arguments: 0..<60)
  func itDoesWhatTheModelDoes(seed: Int) throws {
    let test = CommonsUnderTest()
    var dice = Dice(seed: seed)
    let initial = Int.random(in: 0...4, using: &dice), isBounded = seed % 2 == 0
    let semaphore = try test.semaphore(initial, bounded: isBounded)
    var model = Model(initial: initial, isBounded: isBounded, value: initial)
    var sessions = try (0..<4).map { _ in try test.session() }
    var names = Array(0..<4)
    var calls: [Call<Permit>] = []
    /// Those that may still be told something.
    var waiting: [Int] = []
    var leases = 0

    for step in 0..<400 {
      let who = Int.random(in: -1..<4, using: &dice)
      let session = who < 0 ? nil : sessions[who], name = who < 0 ? nil : names[who]
      switch Int.random(in: 0..<20, using: &dice) {
      case 0..<8:
        // Each lease ends later than those before.
        let isLeased = Int.random(in: 0..<3, using: &dice) == 0
        if isLeased { leases += 1 }
        let call = try semaphore.acquire(session, lease: isLeased ? Double(leases) * 1000 : nil)
        model.queue.append((calls.count, name, isLeased ? leases : nil))
        model.serve()
        waiting.append(calls.count)
        calls.append(call)
      case 8..<13:
        let count = Int.random(in: 1...3, using: &dice), force = Int.random(in: 0..<8, using: &dice) == 0
        let expected = model.release(count, name, force: force)
        #expect(kind { try semaphore.release(count, for: session, force: force) } == expected, "step \(step)")
      case 13..<15:
        let token = UInt64.random(in: 1...max(model.token, 1), using: &dice)
        let force = Int.random(in: 0..<8, using: &dice) == 0
        let expected = model.release(token: token, name, force: force)
        #expect(kind { try semaphore.release(token: token, for: session, force: force) } == expected, "step \(step)")
      case 15..<18:
        guard let waiting = model.queue.randomElement(using: &dice) else { continue }
        #expect(calls[waiting.call].hangUp())
        model.hangUp(waiting.call)
      case 18:
        guard who >= 0 else { continue }
        try test.end(sessions[who])
        model.end(names[who])
        sessions[who] = try test.session()
        names[who] = names.max()! + 1
      default:
        guard let first = model.permits.compactMap(\.lease).min() else { continue }
        test.ring(within: Double(first) * 1000 + 500)
        model.abandon { $0.lease == first }
      }
      let held = sessions.indices.map { index in model.permits.filter { $0.session == names[index] }.count }
      try #require(semaphore.value == model.value && semaphore.waiterCount == model.queue.count, "step \(step)")
      try #require(sessions.map { $0.heldCount } == held.map { min($0, 1) }, "step \(step)")
      try #require(semaphore.holders.map(\.count).sorted() == held.filter { $0 > 0 }.sorted(), "step \(step)")
      for index in waiting {
        let call = calls[index]
        let isSame =
          model.granted[index].map { call.value.map { ($0.token, $0.isAbandoned) } ?? (0, false) == $0 }
          ?? (call.value == nil)
        guard isSame, call.isParked == model.queue.contains(where: { $0.call == index }),
          (call.failure == .sessionEnded) == model.failed.contains(index), call.count <= 1
        else { Issue.record("step \(step), call \(index): \(String(describing: call.outcome))"); return }
      }
      waiting.removeAll { !calls[$0].isParked }
    }
    #expect(test.alarms.count == model.permits.filter { $0.lease != nil }.count)
  }
}
