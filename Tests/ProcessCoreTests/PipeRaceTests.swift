import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Senders and receivers on threads of their own, some of which hang up, lose what they were given, or come and go.
@Suite struct PipeRaceTests {
  /// One message's life, in steps of a clock that all threads share.
  private struct Trace: Sendable {
    var sent = 0..<0
    var received = 0..<0
    var times = 0
  }

  private final class Shared: Sendable {
    let clock = Atomic(0)
    let traces: Mutex<[Int: Trace]> = Mutex([:])
    let received = Atomic(0), lost = Atomic(0), hangUps = Atomic(0)

    var now: Int { clock.add(1, ordering: .acquiringAndReleasing).newValue }
  }

  @Test func nothingIsLostDoubledOrOvertaken() throws {
    let test = try PipeUnderTest(.init(capacity: 64))
    let senders = 3, each = 500
    let shared = Shared()
    let (end0, end1) = (test[0], test[1])
    let receivers = try (0..<3).map { index in
      try Thread("receiver") {
        var random = Seeded(seed: UInt64(index))
        while let next = receive(at: end1, shared, hangsUp: Int.random(in: 0..<4, using: &random) == 0) {
          // Some lose what they were given; the next in line gets it.
          if Int.random(in: 0..<10, using: &random) == 0 {
            next.delivery.putBack()
            shared.lost.add(1, ordering: .relaxed)
            continue
          }
          let number = Int(next.delivery.text) ?? -1
          shared.traces.withLock { traces in
            traces[number, default: Trace()].times += 1
            traces[number, default: Trace()].received = next.began..<shared.now
          }
          shared.received.add(1, ordering: .relaxed)
        }
      }
    }
    let pipe = test.pipe
    let sending = try (0..<senders).map { index in
      try Thread("sender") {
        for count in 0..<each {
          // Now and then until it is empty and somebody waits: who finds a message at once has nothing to hang up on.
          if count % 25 == 0 { _ = eventually { pipe.waiting.contains { $0.verb == .recv } } }
          let number = index * each + count
          let began = shared.now
          send("\(number)", at: end0)
          shared.traces.withLock { $0[number, default: Trace()].sent = began..<shared.now }
        }
      }
    }
    for thread in sending { thread.join() }
    try end0.close(for: nil)
    for thread in receivers { thread.join() }

    let traces = shared.traces.withLock { $0 }
    #expect(traces.count == senders * each && traces.values.allSatisfy { $0.times == 1 })
    #expect(shared.received.load(ordering: .relaxed) == senders * each)
    #expect(shared.lost.load(ordering: .relaxed) > 10 && shared.hangUps.load(ordering: .relaxed) > 10)
    #expect(test.used == 0)
  }

  /// First in, first out, as far as anybody can tell: of two messages of which one was sent before the sending of the other
  /// began, the other was not received before the receiving of the one began.
  @Test func messagesComeOutInTheOrderOfTheirSending() throws {
    let test = try PipeUnderTest(.init(capacity: 200))
    let each = 400
    let shared = Shared()
    let threads = try (0..<2).flatMap { direction in
      let (from, to) = (test[direction], test[1 - direction])
      let senders = try (0..<2).map { index in
        try Thread("sender") {
          for count in 0..<each {
            let number = (direction * 2 + index) * each + count
            let began = shared.now
            send("\(number)", at: from)
            shared.traces.withLock { $0[number, default: Trace()].sent = began..<shared.now }
          }
        }
      }
      let receivers = try (0..<2).map { _ in
        try Thread("receiver") {
          for _ in 0..<each {
            guard let next = receive(at: to, shared, hangsUp: false) else { return }
            let number = Int(next.delivery.text) ?? -1
            shared.traces.withLock { traces in
              traces[number, default: Trace()].times += 1
              traces[number, default: Trace()].received = next.began..<shared.now
            }
          }
        }
      }
      return senders + receivers
    }
    for thread in threads { thread.join() }
    let traces = shared.traces.withLock { $0 }
    #expect(traces.count == 4 * each && traces.values.allSatisfy { $0.times == 1 })
    for direction in 0..<2 {
      let own = traces.filter { $0.key / (2 * each) == direction }.values.sorted {
        $0.sent.lowerBound < $1.sent.lowerBound
      }
      var overtaken = 0
      for (index, later) in own.enumerated() {
        for earlier in own[..<index]
        where earlier.sent.upperBound < later.sent.lowerBound
          && later.received.upperBound < earlier.received.lowerBound
        { overtaken += 1 }
      }
      #expect(overtaken == 0)
    }
  }

  @Test func endsThatCloseMeanwhileLeaveNobodyWaiting() throws {
    for round in 0..<300 {
      let test = try PipeUnderTest(.init(capacity: 4))
      let session = try test.session()
      try test[0].open(for: session)
      let (end0, end1, commons) = (test[0], test[1], test.commons)
      let sums = Sums()
      let sender = try Thread("sender") {
        for _ in 0..<50 where send("ab", at: end1) { sums.sent.add(1, ordering: .relaxed) }
      }
      let receiver = try Thread("receiver") {
        while receive(at: end0, Shared(), hangsUp: false) != nil { sums.received.add(1, ordering: .relaxed) }
      }
      let closer = try Thread("closer") {
        for _ in 0..<round % 30 { sched_yield() }
        if round % 2 == 0 { try? commons.sessions.delete(session) } else { try? end1.close(for: nil) }
      }
      for thread in [sender, receiver, closer] { thread.join() }
      let (sent, received) = (sums.sent.load(ordering: .relaxed), sums.received.load(ordering: .relaxed))
      #expect(received <= sent)
      if round % 2 == 1 { #expect(received == sent, "what was sent before the end closed is received") }
      #expect(test.used == 0)
    }
  }

  private final class Sums: Sendable {
    let sent = Atomic(0), received = Atomic(0)
  }
}

/// Sends and waits until it is sent; false when that cannot be.
@discardableResult
private func send(_ text: String, at end: PipeEnd) -> Bool {
  let told = Told<Bool>()
  do throws(CoreError) {
    let attempted = try end.send(Message(Bytes(text)), until: nil) {
      { outcome in if case .value = outcome { told.tell(true) } else { told.tell(false) } }
    }
    if case .done = attempted { return true }
  } catch { return false }
  return told.reached(1, within: 60) && told.all == [true]
}

private struct Received {
  let delivery: Delivery
  let began: Int
}

extension PipeRaceTests {
  /// Receives and waits until something is there; nil at the end.
  private func receive(at end: PipeEnd, _ shared: Shared, hangsUp: Bool) -> Received? {
    let began = shared.now
    while true {
      let told = Told<Outcome<Delivery>>()
      do throws(CoreError) {
        switch try end.receive(until: nil, orPark: { told.tell }) {
        case .done(let delivery): return Received(delivery: delivery, began: began)
        case .timedOut: return nil
        case .parked(let ticket):
          if hangsUp, ticket.hangUp() {
            shared.hangUps.add(1, ordering: .relaxed)
            sched_yield()
            continue
          }
          guard told.reached(1, within: 60), case .value(let delivery) = told.all[0] else { return nil }
          return Received(delivery: delivery, began: began)
        }
      } catch { return nil }
    }
  }
}
