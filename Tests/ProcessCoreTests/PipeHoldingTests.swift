import Linux
import Testing

@testable import ProcessCore

/// Who keeps an end open, and what closing one does.
@Suite struct PipeHoldingTests {
  @Test func afterTheOtherEndWhatIsInIsStillReceived() throws {
    let test = try PipeUnderTest()
    try test[0].sendNow("a")
    try test[1].sendNow("lost")
    try test[0].close(for: nil)
    try test[0].close(for: nil)
    #expect(try test[1].textNow() == "a")
    #expect(kind { _ = try test[1].receiveNow() } == .endOfFile)
    #expect(kind { try test[1].sendNow("x") } == .brokenPipe)
    #expect(kind { _ = try test[0].receiveNow() } == .closed)
    #expect(kind { try test[0].sendNow("x") } == .closed)
    #expect(kind { try test[0].open(for: try test.session()) } == .closed)
    #expect(test.used == 0, "what nobody can receive any more is gone")
  }

  @Test func closingAnEndTellsThoseWhoWait() throws {
    let test = try PipeUnderTest(.init(capacity: 1))
    try test[1].sendNow("x")
    let own = try test[0].parkReceiveAfter("x").1
    let poll = try test[0].parkPoll()
    let other = try test[1].parkReceive().1
    try test[1].sendNow("yy")
    #expect(own.all.first?.value?.text == "yy")
    let again = try test[0].parkReceive().1
    try test[1].sendNow("zz")
    try test[1].sendNow("1")
    let sender = try test[1].parkSend("2").1
    try test[0].close(for: nil)
    #expect(again.all.first?.value?.text == "zz" && poll.all.count == 1)
    #expect(other.all.first?.kind == .endOfFile)
    #expect(sender.all.first?.kind == .brokenPipe)
    #expect(kind { _ = try test[0].parkReceive() } == .closed)
  }

  @Test func theLastHolderClosesIt() throws {
    let test = try PipeUnderTest()
    let a = try test.session(), b = try test.session(), stranger = try test.session()
    try test[0].open(for: a)
    try test[0].open(for: a)
    try test[0].open(for: b)
    #expect(test[0].snapshot.holders == 2 && a.heldCount == 1)
    try test[0].close(for: a)
    try test[0].close(for: a)
    try test[0].close(for: stranger)
    #expect(kind { try test[0].close(for: nil) } == .notOwner)
    #expect(test[0].snapshot.isOpen && test.pipe.holders.map(\.session) == [b.name])
    #expect(a.heldCount == 0)
    let waiting = try test[1].parkReceive().1
    try test[0].close(for: b)
    #expect(!test[0].snapshot.isOpen && waiting.all.first?.kind == .endOfFile)
    try test[0].close(for: nil)
  }

  @Test func aSessionThatEndsLetsGoOfItsEnds() throws {
    let test = try PipeUnderTest()
    let session = try test.session(), other = try test.session()
    try test[0].open(for: session)
    try test[1].open(for: session)
    try test[1].open(for: other)
    #expect(session.heldCount == 2)
    try test[0].sendNow("a")
    try test.end(session)
    #expect(!test[0].snapshot.isOpen && test[1].snapshot.isOpen)
    #expect(try test[1].textNow() == "a")
    #expect(kind { _ = try test[1].receiveNow() } == .endOfFile)
    #expect(kind { try test[1].open(for: session) } == .sessionEnded)
  }

  @Test func anEndNeedsASessionToBeOpened() throws {
    let test = try PipeUnderTest()
    #expect(kind { try test[0].open(for: nil) } == .invalid(pointer: "Procession-Session"))
  }

  @Test func forceClosesItWhoeverHoldsIt() throws {
    let test = try PipeUnderTest()
    let session = try test.session()
    try test[0].open(for: session)
    let hold = try EndHold(test[0], for: session)
    try test[0].close(for: nil, force: true)
    #expect(!test[0].snapshot.isOpen && session.heldCount == 0)
    hold.release()
  }

  @Test func aHoldOutlivesItsSession() throws {
    let test = try PipeUnderTest()
    let session = try test.session()
    var hold: EndHold? = try EndHold(test[0], for: session)
    hold?.confirm()
    try test.end(session)
    #expect(test[0].snapshot.isOpen && test[0].holders.map(\.session) == [session.name])
    hold?.release()
    #expect(!test[0].snapshot.isOpen)
    hold = nil
    #expect(kind { _ = try EndHold(test[0], for: session) } == .closed)
    hold = try EndHold(test[1], for: session)
    hold?.confirm()
    hold = nil
    #expect(!test[1].snapshot.isOpen, "one that is forgotten is let go of")
  }

  @Test func aHoldThatIsNotConfirmedLeavesNoTrace() throws {
    let test = try PipeUnderTest()
    let session = try test.session(), other = try test.session()
    var hold: EndHold? = try EndHold(test[0], for: session)
    hold = nil
    #expect(hold == nil && test[0].snapshot.isOpen && test[0].snapshot.holders == 0)
    try test[0].open(for: other)
    hold = try EndHold(test[0], for: session)
    try test[0].close(for: other)
    #expect(test[0].snapshot.isOpen)
    hold = nil
    #expect(!test[0].snapshot.isOpen, "its last holder had gone before")
  }

  @Test func theCallsOfASessionThatEndsFail() throws {
    let test = try PipeUnderTest(.init(capacity: 1))
    let session = try test.session()
    let receive = try test[1].parkReceive(for: session).1
    try test[1].sendNow("x")
    let send = try test[1].parkSend("y", for: session).1
    try test.end(session)
    #expect(receive.all.first?.kind == .sessionEnded && send.all.first?.kind == .sessionEnded)
    try test[0].sendNow("for the next")
    #expect(try test[1].textNow() == "for the next")
    #expect(try test[0].textNow() == "x")
    #expect(try test[0].textNow() == nil && test.used == 0)
  }
}

extension PipeEnd {
  /// Receives `text`, and waits for what comes after it.
  fileprivate func parkReceiveAfter(_ text: String) throws -> (Ticket, Told<Outcome<Delivery>>) {
    #expect(try textNow() == text)
    return try parkReceive()
  }
}
