import Linux
import Testing

@testable import ProcessCore

/// What goes through a pipe, and what it is told that uses it wrongly.
@Suite struct PipeTests {
  @Test func bothEndsSendAndReceive() throws {
    let test = try PipeUnderTest()
    try test[0].sendNow("to 1")
    try test[1].sendNow("to 0")
    #expect(try test[0].textNow() == "to 0")
    #expect(try test[1].textNow() == "to 1")
    #expect(try test[0].textNow() == nil && test[1].textNow() == nil)
    #expect(test.used == 0)
  }

  @Test func messagesKeepTheirBoundariesAndTypes() throws {
    let test = try PipeUnderTest()
    let type = ContentType("x-test/any; a=b")
    for text in ["", "a", "", "bc"] {
      _ = try test[0].send(Message(Bytes(text), type), until: .now) { { _ in } }
    }
    #expect(test[1].snapshot.messages == 4 && test[1].snapshot.bytes == 3)
    for text in ["", "a", "", "bc"] {
      let delivery = try #require(try test[1].receiveNow())
      #expect(delivery.text == text && delivery.first.type.text == type.text && delivery.first.deliveries == 0)
    }
  }

  @Test func oneWayGoesFromEnd1ToEnd0() throws {
    let test = try PipeUnderTest(.init(isDuplex: false))
    try test[1].sendNow("x")
    #expect(try test[0].textNow() == "x")
    #expect(kind { try test[0].sendNow("x") } == .wrongEnd)
    #expect(kind { _ = try test[1].receiveNow() } == .wrongEnd)
    #expect(kind { _ = try test[1].pollNow() } == .wrongEnd)
    // As Python, which looks first whether the handle is open at all.
    try test[0].close(for: nil)
    #expect(kind { try test[0].sendNow("x") } == .closed)
    #expect(test.used == 0)
  }

  @Test func whoWaitsIsServedInTurn() throws {
    let test = try PipeUnderTest()
    let first = try test[0].parkReceive().1, (leaving, gone) = try test[0].parkReceive()
    let second = try test[0].parkReceive().1
    #expect(leaving.hangUp())
    try test[1].sendNow("a")
    try test[1].sendNow("b")
    #expect(first.all.first?.value?.text == "a" && second.all.first?.value?.text == "b")
    #expect(gone.all.count == 1 && gone.all.first?.value == nil)
  }

  @Test func aFullPipeHoldsTheSenderUp() throws {
    let test = try PipeUnderTest(.init(capacity: 10))
    try test[0].sendNow("123456")
    try test[0].sendNow("7890")
    #expect(try !test[0].sendNow("x"))
    #expect(try test[1].sendNow("the other way is another matter"))
    let large = try test[0].parkSend("1234567").1
    let small = try test[0].parkSend("8").1
    #expect(test[0].snapshot.sending == 2)
    #expect(try test[1].textNow() == "123456")
    #expect(large.all.isEmpty && small.all.isEmpty, "the small one waits behind the large one")
    #expect(try test[1].textNow() == "7890")
    #expect(large.all.count == 1 && small.all.count == 1)
    #expect(try test[1].textNow() == "1234567")
    #expect(try test[1].textNow() == "8")
    #expect(try test[0].textNow()?.count == 31)
    #expect(test.used == 0)
  }

  @Test func aMessageLargerThanTheCapacityPassesAlone() throws {
    let test = try PipeUnderTest(.init(capacity: 10))
    let large = String(repeating: "x", count: 1000)
    #expect(try test[0].sendNow(large))
    #expect(try !test[0].sendNow(""), "and nothing passes beside it")
    #expect(try test[1].textNow() == large)
    try test[0].sendNow("1")
    #expect(try !test[0].sendNow(large))
  }

  @Test func messagesOfNoBytesFillItToo() throws {
    let test = try PipeUnderTest()
    var count = 0
    while try test[0].sendNow("") { count += 1 }
    #expect(count == (1 << 20) / 64)
    #expect(test.used > 0)
    try test.commons.pipes.delete(test.pipe)
    #expect(test.used == 0)
  }

  @Test func allPipesShareTheMemoryThatQueuesHave() throws {
    var limits = QueueLimits()
    limits.totalBytes = 1000
    let test = try PipeUnderTest(.init(), limits)
    #expect(try test[0].sendNow(String(repeating: "x", count: 800)))
    #expect(kind { try test[1].sendNow(String(repeating: "x", count: 800)) } == .quota)
    _ = try test[1].receiveNow()
    #expect(try test[1].sendNow(String(repeating: "x", count: 800)))
  }

  @Test func aMessageThatIsTooLongStaysWhereItIs() throws {
    let test = try PipeUnderTest()
    try test[0].sendNow("12345")
    #expect(kind { _ = try test[1].receiveNow(4) } == .bufferTooShort(length: 5))
    #expect(kind { _ = try test[1].receiveNow(0) } == .bufferTooShort(length: 5))
    #expect(try test[1].receiveNow(5)?.text == "12345")
    let told = Told<Outcome<Delivery>>()
    _ = try test[1].receive(maxLength: 1, until: nil) { told.tell }
    let patient = try test[1].parkReceive().1
    try test[0].sendNow("ab")
    #expect(told.all.first?.kind == .bufferTooShort(length: 2))
    #expect(patient.all.first?.value?.text == "ab", "the next in line gets it")
  }

  @Test func pollTellsWhetherThereIsSomething() throws {
    let test = try PipeUnderTest()
    #expect(try !test[0].pollNow())
    let told = try test[0].parkPoll()
    #expect(test[0].snapshot.polling == 1)
    try test[1].sendNow("")
    #expect(told.all.count == 1 && told.all.first?.value != nil)
    #expect(try test[0].pollNow())
    #expect(try test[0].textNow() == "")
    #expect(try !test[0].pollNow())
    let atEnd = try test[0].parkPoll()
    try test[1].close(for: nil)
    #expect(atEnd.all.first?.value != nil)
    #expect(try test[0].pollNow(), "at the end it is true")
    #expect(kind { _ = try test[1].pollNow() } == .closed)
  }

  @Test func whatIsPutBackIsNextAgain() throws {
    let test = try PipeUnderTest()
    try test[0].sendNow("a")
    try test[0].sendNow("b")
    let delivery = try #require(try test[1].receiveNow())
    delivery.putBack()
    delivery.putBack()
    let again = try #require(try test[1].receiveNow())
    #expect(again.text == "a" && again.first.deliveries == 1)
    #expect(try test[1].textNow() == "b")
  }

  @Test func theEndIsNotTheEndWhileSomethingMayComeBack() throws {
    let test = try PipeUnderTest()
    try test[0].sendNow("a")
    var delivery = try test[1].receiveNow()
    try test[0].close(for: nil)
    let (_, waiting) = try test[1].parkReceive()
    #expect(try !test[1].pollNow())
    delivery?.putBack()
    #expect(waiting.all.first?.value?.text == "a")
    delivery = nil
    let (_, last) = try test[1].parkReceive()
    _ = waiting
    #expect(last.all.isEmpty, "the one who has it may still give it back")
  }

  @Test func deletingItTellsEverybody() throws {
    let test = try PipeUnderTest(.init(capacity: 1))
    try test[0].sendNow("a")
    let send = try test[0].parkSend("b").1
    let receive = try test[0].parkReceive().1
    let session = try test.session()
    try test[1].open(for: session)
    let delivery = try test[1].receiveNow()
    try test.commons.pipes.delete(test.pipe)
    // The receive made room for b, so that it was sent.
    #expect(send.all.first?.value != nil && receive.all.first?.kind == .closed)
    #expect(kind { try test[0].sendNow("x") } == .closed)
    delivery?.putBack()
    #expect(test.used == 0)
    #expect(session.heldCount == 0)
  }

  @Test func itCanBeSelected() throws {
    let test = try PipeUnderTest(.init(isDuplex: false, capacity: 1))
    func isReady(_ number: Int) throws -> Bool {
      if case .done = try test[number].whenReady(for: nil, until: .now, orPark: { { _ in } }) { true } else { false }
    }
    #expect(try !isReady(0))
    #expect(try isReady(1))
    let told = Told<Outcome<[Int]>>()
    _ = try Selection([test[0]], all: false, for: nil).wait(until: nil) { told.tell }
    try test[1].sendNow("a")
    #expect(told.all.first?.value == [0])
    #expect(try !isReady(1))
    #expect(try test[0].textNow() == "a")
    try test[1].close(for: nil)
    #expect(try isReady(0), "the end of the file is there")
  }
}
