import Linux
import Testing

@testable import ProcessCore

@Suite struct QueueTests {
  @Test func firstInFirstOut() throws {
    let test = try QueueUnderTest()
    for text in ["a", "b", "c"] { try test.put(text) }
    #expect(try test.rest() == ["a", "b", "c"])
    #expect(try test.get() == nil)
  }

  @Test func nothingIsCopiedOnTheWayThrough() throws {
    let test = try QueueUnderTest()
    let bytes = Bytes("the payload")
    let address = bytes.start
    _ = try test.queue.put(Message(bytes), until: .now, orPark: { { _ in } })
    #expect(try test.delivery()?.first.bytes.start == address)
  }

  /// Only its memory is: an object for each would be two thirds of what a million small messages take.
  @Test func whatNobodyElseHoldsIsKeptWithoutAnObject() throws {
    let test = try QueueUnderTest()
    weak var object: Bytes?
    let shared = Bytes("shared")
    func message() -> Message {
      let bytes = Bytes("the payload")
      object = bytes
      return Message(bytes)
    }
    _ = try test.queue.put(message(), until: .now, orPark: { { _ in } })
    #expect(object == nil)
    #expect(try test.get() == "the payload")
    object = shared
    _ = try test.queue.put(Message(shared), until: .now, orPark: { { _ in } })
    #expect(object != nil, "what is held is seen")
    #expect(try test.get() == "shared")
  }

  @Test func gettersAreServedInTheOrderInWhichTheyCame() throws {
    let test = try QueueUnderTest()
    let waiting = try (0..<5).map { _ in try test.park() }
    #expect(test.queue.snapshot.count == 0 && test.queue.waiting.map(\.verb) == Array(repeating: .get, count: 5))
    for number in 0..<3 { try test.put("\(number)") }
    #expect(waiting.map { $0.1.all.first?.value?.text } == ["0", "1", "2", nil, nil])
    // One that leaves takes nothing.
    #expect(waiting[3].0.hangUp())
    try test.put("3")
    #expect(waiting[4].1.all.first?.value?.text == "3")
    #expect(test.queue.snapshot.count == 0)
  }

  @Test func puttersWaitForRoomInOrder() throws {
    let test = try QueueUnderTest(.init(maxsize: 2))
    try test.put("a")
    try test.put("b")
    #expect(try !test.put("c"))
    let told = Told<String>()
    var tickets: [Ticket] = []
    for text in ["c", "d", "e"] {
      let attempted = try test.queue.put(Message(Bytes(text)), until: nil) { { _ in told.tell(text) } }
      if case .parked(let ticket) = attempted { tickets.append(ticket) }
    }
    #expect(tickets.count == 3 && test.queue.waiting.allSatisfy { $0.verb == .put })
    #expect(try test.get() == "a")
    #expect(told.all == ["c"] && test.queue.snapshot.count == 2)
    #expect(tickets[1].hangUp())
    let rest = try test.rest()
    #expect(rest == ["b", "c", "e"], "who left put nothing")
    #expect(told.all == ["c", "d", "e"])
  }

  @Test func aBatchGoesInWholeOrNotAtAll() throws {
    let test = try QueueUnderTest(.init(maxsize: 3))
    try test.put("a")
    #expect(try !test.put(all: ["1", "2", "3"]))
    #expect(test.queue.snapshot.count == 1 && test.queue.snapshot.bytes == Message(Bytes("a")).cost)
    let told = Told<Outcome<Void>>()
    let batch = ["1", "2", "3"].map { Message(Bytes($0), .json) }
    _ = try test.queue.put(all: batch, until: nil) { told.tell }
    // What comes later waits behind it, though there is room.
    #expect(try !test.put("b"))
    #expect(try test.get() == "a")
    #expect(told.all.count == 1)
    #expect(try test.rest() == ["1", "2", "3"])
    #expect(kind { try test.put(all: ["1", "2", "3", "4"]) } == .invalid(pointer: ""))
    #expect(try test.put(all: []))
  }

  @Test func linesComeTogetherAndAllElseAlone() throws {
    let test = try QueueUnderTest()
    for (text, type) in [
      ("1", ContentType.json), ("2", .json), ("3", .json), ("{\n}", .json), ("x", .binary), ("4", .json), ("5", .json),
    ] { try test.put(text, type) }
    func next(_ limit: Int, _ bytes: Int = 1000) throws -> (Bool?, [String]) {
      let delivery = try test.get(upTo: limit, bytes: bytes)
      return (delivery?.areLines, delivery?.texts ?? [])
    }
    #expect(try next(2) == (true, ["1", "2"]))
    #expect(try next(10) == (true, ["3"]))
    #expect(try next(10) == (false, ["{\n}"]))
    #expect(try next(10) == (false, ["x"]))
    #expect(try next(10, 1) == (true, ["4"]), "one always comes, however large")
    #expect(try next(1) == (true, ["5"]))
    #expect(try next(1) == (nil, []))
  }

  @Test func whatDoesNotArriveIsTheNextAgain() throws {
    let test = try QueueUnderTest()
    for text in ["1", "2", "3"] { try test.put(text, .json) }
    let delivery = try #require(try test.get(upTo: 2))
    #expect(delivery.texts == ["1", "2"] && test.queue.snapshot.count == 1)
    delivery.putBack()
    delivery.putBack()
    let again = try #require(try test.get(upTo: 10))
    #expect(again.texts == ["1", "2", "3"] && again.messages.map(\.deliveries) == [1, 1, 0])
    #expect(test.queue.snapshot.bytes > 0, "what is under way counts")
  }

  @Test func whatArrivedIsForgotten() throws {
    let test = try QueueUnderTest()
    try test.put("a")
    do { _ = try #require(try test.delivery()) }
    #expect(test.queue.snapshot.bytes == 0 && test.commons.queuedBytes.used == 0)
  }

  @Test func whatIsPutBackGoesToWhoeverWaits() throws {
    let test = try QueueUnderTest()
    try test.put("a")
    let delivery = try #require(try test.delivery())
    let (_, told) = try test.park()
    delivery.putBack()
    #expect(told.all.first?.value?.first.deliveries == 1)
  }

  @Test func aClosedQueueIsEmptiedAndThenOver() throws {
    let test = try QueueUnderTest(.init(maxsize: 1))
    try test.put("a")
    let parkedPut = Told<Outcome<Void>>()
    _ = try test.queue.put(Message(Bytes("b")), until: nil) { parkedPut.tell }
    test.queue.close()
    test.queue.close()
    #expect(parkedPut.all.first?.kind == .closed && test.queue.snapshot.isClosed)
    #expect(kind { try test.put("c") } == .closed)
    #expect(kind { try test.put(all: []) } == .closed)
    #expect(try test.get() == "a")
    #expect(kind { _ = try test.get() } == .closed)
    #expect(kind { _ = try test.queue.peek() } == .closed)
    #expect(test.queue.snapshot.bytes == 0)
  }

  @Test func closingAnEmptyQueueEndsThoseWhoWait() throws {
    let test = try QueueUnderTest()
    let (_, told) = try test.park()
    test.queue.close()
    #expect(told.all.first?.kind == .closed)
  }

  /// Whoever waits for the end of a closed queue must not leave while a message may still come back.
  @Test func aClosedQueueIsNotOverWhileSomethingMayComeBack() throws {
    let test = try QueueUnderTest()
    for text in ["a", "b", "c"] { try test.put(text) }
    test.queue.close()
    let delivery = try #require(try test.delivery())
    let reservation = try #require(try test.reserve()), delayed = try #require(try test.reserve())
    try test.queue.giveBack(delayed.receipt, for: nil, delay: 5)
    let waiting = try (0..<4).map { _ in try test.park().1 }
    delivery.putBack()
    #expect(waiting[0].all.first?.value?.text == "a")
    try test.queue.acknowledge(reservation.receipt, for: nil)
    #expect(waiting[1].all.isEmpty)
    test.pass()
    #expect(waiting[1].all.first?.value?.text == "c")
    #expect(waiting[2].all.isEmpty, "c is under way")
  }

  @Test func theEndOfADeliveryEndsAClosedQueue() throws {
    let test = try QueueUnderTest()
    try test.put("a")
    var delivery = try test.delivery()
    test.queue.close()
    let (_, told) = try test.park()
    #expect(delivery != nil && told.all.isEmpty)
    delivery = nil
    #expect(told.all.first?.kind == .closed)
  }

  @Test func aJoinableQueueCountsWhatIsDone() throws {
    let test = try QueueUnderTest(.init(isJoinable: true))
    for text in ["a", "b", "c"] { try test.put(text) }
    #expect(test.queue.snapshot.unfinished == 3)
    let told = Told<Outcome<Void>>()
    _ = try test.queue.join(until: nil) { told.tell }
    _ = try test.get()
    try test.queue.taskDone()
    let reservation = try #require(try test.reserve())
    try test.queue.acknowledge(reservation.receipt, for: nil)
    #expect(told.all.isEmpty && test.queue.snapshot.unfinished == 1)
    #expect(kind { try test.queue.taskDone(2) } == .overRelease)
    #expect(test.queue.purge() == 1)
    #expect(told.all.count == 1, "what is thrown away has nobody to say that it is done")
    #expect(kind { try test.queue.taskDone() } == .overRelease)
    guard case .done = try test.queue.join(until: .now, orPark: { { _ in } }) else { Issue.record("waits"); return }
  }

  @Test func aQueueThatIsNotJoinableDoesNotCount() throws {
    let test = try QueueUnderTest()
    try test.put("a")
    #expect(kind { try test.queue.taskDone() } == .notJoinable)
    #expect(kind { _ = try test.queue.join(until: .now, orPark: { { _ in } }) } == .notJoinable)
    #expect(test.queue.snapshot.unfinished == nil)
  }

  @Test func purgingMakesRoom() throws {
    let test = try QueueUnderTest(.init(maxsize: 2))
    try test.put("a")
    try test.put("b")
    let told = Told<Outcome<Void>>()
    _ = try test.queue.put(Message(Bytes("c")), until: nil) { told.tell }
    #expect(test.queue.purge() == 2)
    #expect(told.all.count == 1)
    #expect(try test.rest() == ["c"])
  }

  @Test func theEndTellsEverybodyAndKeepsNothing() throws {
    let test = try QueueUnderTest(.init(maxsize: 1))
    for text in ["a", "b"] {
      try test.put(text)
      _ = try test.reserve(for: try test.session())
    }
    try test.put("c")
    var delivery = try test.delivery()
    try test.put("d")
    let put = Told<Outcome<Void>>()
    _ = try test.queue.put(Message(Bytes("e")), until: nil) { put.tell }
    try test.commons.queues.delete(test.queue)
    #expect(put.all.first?.kind == .closed)
    #expect(kind { try test.put("x") } == .closed)
    #expect(test.commons.queuedBytes.used == delivery?.first.cost, "c is under way")
    delivery?.putBack()
    delivery = nil
    #expect(test.commons.queuedBytes.used == 0 && test.alarms.count == 0)
    #expect(test.commons.sessions.registry.all.allSatisfy { $0.heldCount == 0 })
  }

  @Test func theEndTellsThoseWhoGet() throws {
    let test = try QueueUnderTest()
    let (_, told) = try test.park()
    try test.commons.queues.delete(test.queue)
    #expect(told.all.first?.kind == .closed)
  }

  @Test func peekingTakesNothing() throws {
    let test = try QueueUnderTest()
    #expect(kind { _ = try test.queue.peek() } == .empty)
    try test.put("a")
    #expect(try test.queue.peek().bytes.text == "a")
    #expect(try test.queue.peek().bytes === test.queue.peek().bytes, "who peeks costs no memory")
    #expect(try test.rest() == ["a"])
  }

  @Test func itCanBeSelected() throws {
    let test = try QueueUnderTest()
    let told = Told<Outcome<[Int]>>()
    _ = try Selection([test.queue], all: false, for: nil).wait(until: nil) { told.tell }
    #expect(told.all.isEmpty)
    try test.put("a")
    #expect(told.all.first?.value == [0])
    #expect(try test.rest() == ["a"])
    test.queue.close()
    guard case .done = try test.queue.whenReady(for: nil, until: .now, orPark: { { _ in } }) else {
      Issue.record("a get would not wait any more"); return
    }
  }
}
