import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Many threads on one queue, and what the histories of their operations must have in common.
@Suite struct QueueRaceTests {
  /// One operation: what it was about, and the moments before and after it.
  private struct Event: Sendable {
    let text: String
    let begin: UInt64
    let end: UInt64
  }

  /// Waits for a message as a client does; nil when the queue is closed and drained.
  private static func get(_ queue: Queue) throws(CoreError) -> Delivery? {
    let told = Told<Outcome<Delivery>>()
    do throws(CoreError) {
      switch try queue.get(until: nil, orPark: { told.tell }) {
      case .done(let delivery): return delivery
      case .timedOut: preconditionFailure("it waits as long as it takes")
      case .parked:
        precondition(told.reached(1, within: 60), "a message came and nobody was told")
        if case .failed(let error) = told.all[0] { throw error }
        return told.all[0].value
      }
    } catch {
      if error.kind == .closed { return nil }
      throw error
    }
  }

  private static func put(_ text: String, _ queue: Queue) throws(CoreError) {
    let told = Told<Outcome<Void>>()
    guard case .parked = try queue.put(Message(Bytes(text)), until: nil, orPark: { told.tell }) else { return }
    precondition(told.reached(1, within: 60), "there was room and nobody was told")
    if case .failed(let error) = told.all[0] { throw error }
  }

  /// Linearizable and fair: a message that was put after another was put is not had before it.
  @Test(arguments: [0, 3]) func whatWasPutFirstIsHadFirst(maxsize: Int) throws {
    let producers = 3, consumers = 3, each = 500
    let test = try QueueUnderTest(.init(maxsize: maxsize))
    let queue = test.queue
    let puts = Told<Event>(), gets = Told<Event>()
    let failures = Told<String>()
    var threads: [Thread] = []
    for producer in 0..<producers {
      threads.append(
        try Thread("producer") {
          for number in 0..<each {
            let text = "\(producer).\(number)"
            let begin = Deadline.now.nanoseconds
            do { try Self.put(text, queue) } catch { failures.tell("\(error)") }
            puts.tell(Event(text: text, begin: begin, end: Deadline.now.nanoseconds))
          }
        })
    }
    for _ in 0..<consumers {
      threads.append(
        try Thread("consumer") {
          while true {
            let begin = Deadline.now.nanoseconds
            guard let delivery = try? Self.get(queue) else { return }
            gets.tell(Event(text: delivery.text, begin: begin, end: Deadline.now.nanoseconds))
          }
        })
    }
    // Nobody ever sees more than may be in.
    while gets.all.count < producers * each, failures.all.isEmpty {
      let now = queue.snapshot
      if maxsize > 0, now.count > maxsize { failures.tell("\(now.count) are in") }
      sched_yield()
    }
    queue.close()
    for thread in threads { thread.join() }
    #expect(failures.all.isEmpty)
    #expect(Set(gets.all.map(\.text)) == Set(puts.all.map(\.text)) && gets.all.count == producers * each)
    #expect(queue.snapshot.bytes == 0)

    let put = Dictionary(uniqueKeysWithValues: puts.all.map { ($0.text, $0) })
    let had = gets.all
    var overtaken = 0
    for (index, first) in had.enumerated() {
      guard let firstPut = put[first.text] else { continue }
      for second in had[(index + 1)...] {
        guard let secondPut = put[second.text] else { continue }
        if firstPut.end < secondPut.begin, second.end < first.begin { overtaken += 1 }
        if secondPut.end < firstPut.begin, first.end < second.begin { overtaken += 1 }
      }
    }
    #expect(overtaken == 0)
  }

  /// Consumers that keep, that fail, that leave while they wait, whose leases end and whose sessions do.
  @Test func nothingIsLostAndNothingIsHadTwice() throws {
    let producers = 2, each = 1500
    let test = try QueueUnderTest(.init(maxsize: 20, isJoinable: true))
    let (queue, commons, alarms) = (test.queue, test.commons, test.alarms)
    let kept = Told<String>(), failures = Told<String>()
    let isOver = Atomic(false)
    let ringer = try Thread("ringer") {
      while !isOver.load(ordering: .relaxed) {
        _ = alarms.ringDue(at: .now)
        sched_yield()
      }
    }
    var threads: [Thread] = []
    for producer in 0..<producers {
      threads.append(
        try Thread("producer") {
          var random = SeededRandom(seed: UInt64(producer + 10))
          var number = 0
          while number < each {
            let count = min(1 + random.next(below: 4), each - number)
            let texts = (number..<number + count).map { "\(producer).\($0)" }
            number += count
            do throws(CoreError) {
              guard count > 1 else { try Self.put(texts[0], queue); continue }
              let told = Told<Outcome<Void>>()
              let messages = texts.map { Message(Bytes($0), .json) }
              if case .parked = try queue.put(all: messages, until: nil, orPark: { told.tell }) {
                if !told.reached(1, within: 60) { failures.tell("a batch waits for ever") }
              }
            } catch { failures.tell("\(error)") }
          }
        })
    }
    for consumer in 0..<4 {
      threads.append(
        try Thread("consumer") {
          do { try Self.consume(queue, commons, kept, SeededRandom(seed: UInt64(consumer + 1))) } catch {
            failures.tell("\(error)")
          }
        })
    }
    for thread in threads[..<producers] { thread.join() }
    // The consumers end when it is drained, and not before the last that was put back is done.
    queue.close()
    for thread in threads[producers...] { thread.join() }
    isOver.store(true, ordering: .relaxed)
    ringer.join()
    #expect(failures.all.isEmpty)
    #expect(kept.all.count == producers * each)
    #expect(Set(kept.all).count == producers * each)
    let end = queue.snapshot
    #expect(end.count == 0 && end.reserved == 0 && end.delayed == 0 && end.bytes == 0)
    #expect(end.unfinished == 0)
    #expect(alarms.count == 0 && queue.waiterCount == 0)
  }

  private static func consume(
    _ queue: Queue, _ commons: Commons, _ kept: Told<String>, _ seeded: SeededRandom
  ) throws(CoreError) {
    var random = seeded
    while true {
      switch random.next(below: 6) {
      case 0:
        guard let delivery = try get(queue) else { return }
        kept.tell(delivery.text)
        try queue.taskDone()
      case 1:
        guard let delivery = try get(queue) else { return }
        delivery.putBack()
      case 2:  // Waits, and leaves at the moment in which something may come.
        let told = Told<Outcome<Delivery>>()
        switch try? queue.get(until: nil, orPark: { told.tell }) {
        case .done(let delivery): delivery.putBack()
        case .parked(let ticket):
          sched_yield()
          if !ticket.hangUp(), told.reached(1) { told.all[0].value?.putBack() }
        case .timedOut, nil: break
        }
      case 3:  // May or may not be done before its lease ends.
        guard
          case .done(let reservation) = (try? queue.reserve(for: nil, lease: 0.0002, until: .now, orPark: { { _ in } }))
        else { continue }
        for _ in 0..<random.next(below: 20) { sched_yield() }
        if (try? queue.acknowledge(reservation.receipt, for: nil)) != nil { kept.tell(reservation.message.bytes.text) }
      case 4:
        guard case .done(let reservation) = (try? queue.reserve(for: nil, until: .now, orPark: { { _ in } })) else {
          continue
        }
        let delay = random.next(below: 2) == 0 ? 0 : 0.0001
        try queue.giveBack(reservation.receipt, for: nil, delay: delay)
      default:  // A session that ends with what it has.
        let session = try commons.sessions.create(nil, .init(), in: commons)
        for _ in 0..<2 { _ = try? queue.reserve(for: session, until: .now, orPark: { { _ in } }) }
        try commons.sessions.delete(session)
      }
    }
  }
}
