import Linux
import Testing

@testable import ProcessCore

/// Random operations on a pipe, one after the other, each held against the model of it.
@Suite struct PipeModelTests {
  @Test(arguments: [true, false]) func aPipeDoesWhatItsModelDoes(isDuplex: Bool) throws {
    var random = Seeded(seed: isDuplex ? 1 : 2)
    var counts: [String: Int] = [:]
    for _ in 0..<60 {
      let run = try Run(isDuplex: isDuplex)
      for _ in 0..<200 { try run.step(&random) }
      run.check()
      for outcome in run.model.outcomes.values { counts[word(outcome), default: 0] += 1 }
      try run.finish()
    }
    // It is only a test when every outcome was seen.
    let all = ["sent", "ready", "hungUp", "received", "closed", "brokenPipe", "endOfFile", "bufferTooShort"]
    for word in all + (isDuplex ? [] : ["wrongEnd"]) { #expect(counts[word, default: 0] > 20, "\(word) \(counts)") }
  }

  private func word(_ outcome: PipeModel.Outcome) -> String {
    switch outcome {
    case .received: "received"
    case .failed(.bufferTooShort): "bufferTooShort"
    case .failed(let kind): "\(kind)"
    default: "\(outcome)"
    }
  }
}

/// A pipe beside its model.
private final class Run {
  let test: PipeUnderTest
  var model: PipeModel
  private var sessions: [Session?]
  private var lastCall = 0
  private var lastText = 0
  private var tickets: [Int: Ticket] = [:]
  private var told: [Int: Told<PipeModel.Outcome>] = [:]
  private let given = Given()

  init(isDuplex: Bool) throws {
    test = try PipeUnderTest(.init(isDuplex: isDuplex, capacity: 8))
    model = PipeModel(isDuplex: isDuplex, capacity: 8)
    let test = test
    sessions = try (0..<3).map { _ in try test.session() }
  }

  func step(_ random: inout Seeded) throws {
    let end = Int.random(in: 0...1, using: &random)
    switch Int.random(in: 0..<100, using: &random) {
    case ..<34: send(at: end, size: [0, 1, 3, 5, 12][Int.random(in: 0..<5, using: &random)])
    case ..<64: receive(at: end, maxLength: Int.random(in: 0..<8, using: &random) == 0 ? 3 : .max)
    case ..<72: poll(at: end)
    case ..<80: hangUp(&random)
    case ..<94: settleDelivery(&random)
    case ..<97: try hold(end, Int.random(in: 0..<3, using: &random))
    default: try close(end, &random)
    }
    check()
  }

  private func call() -> (Int, Told<PipeModel.Outcome>) {
    lastCall += 1
    let outcome = Told<PipeModel.Outcome>()
    told[lastCall] = outcome
    return (lastCall, outcome)
  }

  private func send(at end: Int, size: Int) {
    let (call, told) = call()
    lastText += 1
    let text = String(String(lastText).suffix(size)).padded(to: size)
    attempt(call, told, { .sent }) { () throws(CoreError) in
      try test[end].send(Message(Bytes(text)), until: nil) { { told.tell(outcome($0) { .sent }) } }
    }
    model.send(call, text, at: end)
  }

  private func receive(at end: Int, maxLength: Int) {
    let (call, told) = call()
    let given = given
    @Sendable func take(_ delivery: Delivery) -> PipeModel.Outcome {
      given.all.withLock { $0.append((delivery, end)) }
      return .received(delivery.text, deliveries: delivery.first.deliveries)
    }
    attempt(call, told, take) { () throws(CoreError) in
      try test[end].receive(maxLength: maxLength, until: nil) { { told.tell(outcome($0, take)) } }
    }
    model.receive(call, maxLength, at: end)
  }

  private func poll(at end: Int) {
    let (call, told) = call()
    attempt(call, told, { .ready }) { () throws(CoreError) in
      try test[end].poll(until: nil) { { told.tell(outcome($0) { .ready }) } }
    }
    model.poll(call, at: end)
  }

  private func attempt<T>(
    _ call: Int, _ told: Told<PipeModel.Outcome>, _ value: (T) -> PipeModel.Outcome,
    _ make: () throws(CoreError) -> Attempted<T>
  ) {
    do throws(CoreError) {
      switch try make() {
      case .done(let result): told.tell(value(result))
      case .parked(let ticket): tickets[call] = ticket
      case .timedOut: Issue.record("there is no deadline")
      }
    } catch {
      told.tell(.failed(error.kind))
    }
  }

  private func hangUp(_ random: inout Seeded) {
    let parked = tickets.keys.filter { model.outcomes[$0] == nil }.sorted()
    guard let call = parked.randomElement(using: &random), let ticket = tickets[call] else { return }
    #expect(ticket.hangUp())
    model.hangUp(call)
  }

  private func settleDelivery(_ random: inout Seeded) {
    let isToArrive = Bool.random(using: &random)
    let count = given.all.withLock { $0.count }
    guard count > 0 else { return }
    let index = Int.random(in: 0..<count, using: &random)
    let (delivery, end) = given.all.withLock { $0.remove(at: index) }
    let (text, earlier) = (delivery.text, delivery.first.deliveries)
    if isToArrive {
      // It arrives when nobody holds it any more, at the end of this function.
      model.arrived(at: end)
    } else {
      delivery.putBack()
      model.putBack(text, earlier, at: end)
    }
  }

  private func hold(_ end: Int, _ index: Int) throws {
    guard let session = sessions[index] else { return }
    let isOpen = model.ends[end].isOpen
    #expect(kind { try test[end].open(for: session) } == (isOpen ? nil : .closed))
    model.open(index, at: end)
  }

  private func close(_ end: Int, _ random: inout Seeded) throws {
    let index = Int.random(in: 0..<6, using: &random)
    guard index < 3 else {
      let isRefused = model.ends[end].isOpen && !model.ends[end].holders.isEmpty
      #expect(kind { try test[end].close(for: nil) } == (isRefused ? .notOwner : nil))
      return model.close(nil, at: end)
    }
    guard let session = sessions[index] else { return }
    // Of a session that holds both ends nobody can say which is closed first.
    let hasBoth = model.ends.allSatisfy { $0.isOpen && $0.holders.contains(index) }
    if hasBoth || Bool.random(using: &random) {
      try test[end].close(for: session)
      model.close(index, at: end)
    } else {
      try test.end(session)
      sessions[index] = nil
      model.endSession(index)
    }
  }

  func check() {
    for (call, told) in told {
      let expected = model.outcomes[call].map { [$0] } ?? []
      #expect(told.all == expected, "call \(call)")
    }
    for number in 0...1 {
      let now = test[number].snapshot, end = model.ends[number]
      #expect(now.isOpen == end.isOpen && now.holders == (end.isOpen ? end.holders.count : 0))
      #expect(now.messages == end.inbox.count && now.bytes == end.inbox.reduce(0) { $0 + $1.text.utf8.count })
      #expect(now.receiving == end.receives.count && now.sending == end.sends.count && now.polling == end.polls.count)
    }
    // What is settled need not be looked at again.
    for call in Array(told.keys) where model.outcomes[call] != nil {
      told[call] = nil
      tickets[call] = nil
    }
  }

  /// Nothing is left of it.
  func finish() throws {
    given.all.withLock { $0 = [] }
    tickets = [:]
    try test.commons.pipes.delete(test.pipe)
    #expect(test.used == 0 && test.alarms.count == 0)
    for case let session? in sessions { #expect(session.heldCount == 0 && session.waiterCount == 0) }
  }
}

/// What was received and has neither arrived nor come back.
private final class Given: Sendable {
  let all = Mutex<[(Delivery, end: Int)]>([])
}

private func outcome<T>(_ outcome: Outcome<T>, _ value: (T) -> PipeModel.Outcome) -> PipeModel.Outcome {
  switch outcome {
  case .value(let result): value(result)
  case .hungUp: .hungUp
  case .failed(let error): .failed(error.kind)
  case .timedOut: .failed(.timedOut)
  }
}

extension String {
  fileprivate func padded(to count: Int) -> String { String(repeating: "0", count: count - self.count) + self }
}

/// The same numbers in every run, so that what fails once fails again.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  // SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }
}
