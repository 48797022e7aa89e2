import Linux
import Testing

@testable import ProcessCore

/// Thousands of random operations on a queue and on the simplest thing that could be one, which must agree after each.
@Suite struct QueueModelTests {
  @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func itIsWhatTheModelIs(seed: UInt64) throws {
    var run = try Run(seed: seed)
    for step in 0..<4000 {
      let operation = try run.step()
      let problem = run.difference()
      if let problem {
        Issue.record("seed \(seed), step \(step), \(operation): \(problem)")
        return
      }
    }
    try run.finish()
  }
}

private struct Run {
  let test: QueueUnderTest
  var sessions: [Session] = []
  var model: QueueModel
  var random: SeededRandom
  var number = 0
  var tickets: [Int: Ticket] = [:]
  var deliveries: [Int: Delivery] = [:]
  let told = News()

  init(seed: UInt64) throws {
    random = SeededRandom(seed: seed)
    model = QueueModel(maxsize: seed % 2 == 0 ? 0 : 4)
    test = try QueueUnderTest(.init(maxsize: model.maxsize, isJoinable: true, lease: 100))
    sessions = [try test.session(), try test.session()]
  }

  private var queue: Queue { test.queue }

  private mutating func next() -> Int {
    number += 1
    return number
  }

  mutating func step() throws -> String {
    switch random.next(below: 100) {
    case 0..<24: return try put(1, waits: random.next(below: 3) == 0)
    case 24..<32: return try put(random.next(below: 4), waits: random.next(below: 3) == 0)
    case 32..<46: return try get(waits: random.next(below: 2) == 0)
    case 46..<52: return try getMany()
    case 52..<62: return try reserve()
    case 62..<80: return try onReservation()
    case 80..<88: return endDelivery()
    case 88..<92: return hangUp()
    case 92..<95: return peek()
    case 95: return try taskDone()
    case 96: return pass()
    case 97: return try endSession()
    case 98: return purge()
    default: return close()
    }
  }

  private mutating func put(_ count: Int, waits: Bool) throws -> String {
    let number = next()
    let items = (0..<count).map { QueueModel.Item(text: "\(number).\($0)") }
    let messages = items.map { Message(Bytes($0.text), .json) }
    let told = told
    let deadline: Deadline? = waits ? nil : .now
    let result = Swift.Result { () throws(CoreError) in
      func completion() -> Completion<Void> {
        { outcome in told.tell((number, nil, outcome.kind != nil)) }
      }
      return count == 1
        ? try queue.put(messages[0], until: deadline, orPark: completion)
        : try queue.put(all: messages, until: deadline, orPark: completion)
    }
    let canGo = model.putters.isEmpty && !model.isClosed && model.hasRoom(count)
    switch result {
    case .success(.done): #expect(canGo)
    case .success(.timedOut): #expect(!waits && !canGo)
    case .success(.parked(let ticket)):
      #expect(waits && !canGo)
      tickets[number] = ticket
      model.putters.append((items, number))
    case .failure(let error): #expect(error.kind == .closed && model.isClosed)
    }
    if canGo { model.put(items) }
    model.settle()
    return "put \(count)"
  }

  private mutating func get(waits: Bool) throws -> String {
    let number = next()
    let told = told
    let result = Swift.Result { () throws(CoreError) in
      try queue.get(until: waits ? nil : .now) {
        { outcome in told.tell((number, outcome.value, outcome.kind != nil)) }
      }
    }
    switch result {
    case .success(.done(let delivery)):
      #expect(model.getters.isEmpty && !model.waiting.isEmpty)
      take(number, delivery)
    case .success(.timedOut): #expect(!waits && (model.waiting.isEmpty || !model.getters.isEmpty) && !model.isDrained)
    case .success(.parked(let ticket)):
      #expect(waits && model.waiting.isEmpty)
      tickets[number] = ticket
      model.getters.append(number)
    case .failure(let error): #expect(error.kind == .closed && model.isDrained)
    }
    model.settle()
    return "get"
  }

  private mutating func getMany() throws -> String {
    let limit = 1 + random.next(below: 4)
    let number = next()
    guard let delivery = try? test.get(upTo: limit) else {
      #expect(model.waiting.isEmpty)
      return "get many"
    }
    #expect(delivery.messages.count == min(limit, model.waiting.count))
    take(number, delivery)
    model.settle()
    return "get \(limit)"
  }

  private mutating func take(_ number: Int, _ delivery: Delivery) {
    let items = Array(model.waiting.prefix(delivery.messages.count))
    #expect(delivery.messages.map { QueueModel.Item(text: $0.bytes.text, deliveries: $0.deliveries) } == items)
    model.waiting.removeFirst(items.count)
    model.underway[number] = items
    deliveries[number] = delivery
  }

  private mutating func reserve() throws -> String {
    let who = random.next(below: 3)
    let session = who < 2 ? who : nil
    guard let reservation = try? test.reserve(for: session.map { sessions[$0] }) else {
      #expect(model.waiting.isEmpty)
      return "reserve"
    }
    let item = model.waiting.removeFirst()
    #expect(reservation.message.bytes.text == item.text && reservation.message.deliveries == item.deliveries)
    model.reserved.append(.init(receipt: reservation.receipt, item: item, session: session, ends: next()))
    model.settle()
    return "reserve"
  }

  private mutating func onReservation() throws -> String {
    guard let reserved = model.reserved.randomElement(using: &random),
      let index = model.reserved.firstIndex(where: { $0.receipt == reserved.receipt })
    else { return "nothing" }
    let owner = reserved.session.map { sessions[$0] }
    if owner != nil, random.next(below: 5) == 0 {
      #expect(kind { try queue.acknowledge(reserved.receipt, for: nil) } == .notOwner)
      return "ack by a stranger"
    }
    switch random.next(below: 4) {
    case 0:
      try queue.acknowledge(reserved.receipt, for: owner)
      model.unfinished = max(0, model.unfinished - 1)
      model.reserved.remove(at: index)
    case 1:
      try queue.giveBack(reserved.receipt, for: owner)
      model.reserved.remove(at: index)
      model.putBack([reserved.item])
    case 2:
      try queue.giveBack(reserved.receipt, for: owner, delay: 100)
      model.reserved.remove(at: index)
      model.delayed.append((reserved.item, next()))
    default:
      try queue.touch(reserved.receipt, for: owner)
      model.reserved[index].ends = next()
    }
    model.settle()
    return "on a reservation"
  }

  /// Of messages that were taken: they arrive, or they do not.
  private mutating func endDelivery() -> String {
    guard let number = deliveries.keys.sorted().randomElement(using: &random) else { return "nothing" }
    let items = model.underway.removeValue(forKey: number) ?? []
    let isLost = random.next(below: 2) == 0
    if isLost {
      model.putBack(items)
      deliveries[number]?.putBack()
    }
    deliveries[number] = nil
    model.settle()
    return isLost ? "put back" : "arrived"
  }

  private mutating func hangUp() -> String {
    guard let number = tickets.keys.sorted().randomElement(using: &random), let ticket = tickets[number] else {
      return "nothing"
    }
    tickets[number] = nil
    let wasWaiting = model.getters.contains(number) || model.putters.contains { $0.number == number }
    #expect(ticket.hangUp() == wasWaiting)
    model.getters.removeAll { $0 == number }
    model.putters.removeAll { $0.number == number }
    model.settle()
    return "hang up"
  }

  private mutating func peek() -> String {
    let seen = try? queue.peek()
    #expect(seen?.bytes.text == model.waiting.first?.text)
    return "peek"
  }

  private mutating func taskDone() throws -> String {
    let count = 1 + random.next(below: 3)
    let isTooMuch = count > model.unfinished
    #expect((kind { try queue.taskDone(count) } == .overRelease) == isTooMuch)
    if !isTooMuch { model.unfinished -= count }
    return "task_done"
  }

  private mutating func pass() -> String {
    model.pass()
    test.pass()
    return "time passes"
  }

  private mutating func endSession() throws -> String {
    let who = random.next(below: 2)
    let lost = model.reserved.filter { $0.session == who }
    model.reserved.removeAll { $0.session == who }
    model.putBack(lost.map(\.item))
    model.settle()
    try test.commons.sessions.delete(sessions[who])
    sessions[who] = try test.session()
    return "a session ends"
  }

  private mutating func purge() -> String {
    let count = model.waiting.count + model.delayed.count
    model.waiting = []
    model.delayed = []
    model.unfinished = max(0, model.unfinished - count)
    #expect(queue.purge() == count)
    model.settle()
    return "purge"
  }

  /// Once in a while, and then only for the last steps.
  private mutating func close() -> String {
    guard number > 2500 else { return "nothing" }
    queue.close()
    model.isClosed = true
    model.settle()
    return "close"
  }

  /// What is different now, nil when nothing is.
  mutating func difference() -> String? {
    for (number, delivery, isError) in told.takeAll() {
      guard let expected = model.told.removeValue(forKey: number) else {
        if tickets[number] != nil { return "\(number) was told and should wait" }
        continue  // It hung up.
      }
      tickets[number] = nil
      if isError != (expected == nil) { return "\(number) was told \(isError ? "an" : "no") error" }
      if let delivery {
        if delivery.texts != expected?.map(\.text) { return "\(number) was given \(delivery.texts)" }
        deliveries[number] = delivery
      }
    }
    if !model.told.isEmpty { return "\(model.told.keys) were not told" }
    let now = queue.snapshot
    if now.count != model.waiting.count { return "\(now.count) messages, and not \(model.waiting.count)" }
    if now.reserved != model.reserved.count { return "\(now.reserved) reserved, and not \(model.reserved.count)" }
    if now.delayed != model.delayed.count { return "\(now.delayed) delayed, and not \(model.delayed.count)" }
    if now.unfinished != model.unfinished { return "\(now.unfinished ?? -1) unfinished, and not \(model.unfinished)" }
    if queue.waiterCount != model.getters.count + model.putters.count { return "\(queue.waiterCount) wait" }
    return nil
  }

  /// Takes out what is left, and what comes after it.
  mutating func finish() throws {
    _ = pass()
    repeat {
      while !deliveries.isEmpty { _ = endDelivery() }
      _ = try get(waits: false)
      let problem = difference()
      #expect(problem == nil)
    } while !deliveries.isEmpty
    #expect(queue.snapshot.count == 0 && queue.snapshot.bytes == 0)
    #expect(test.alarms.count == 0)
  }
}
