@testable import ProcessCore

/// What a pipe is to do, one step after the other, written as plainly as can be.
struct PipeModel {
  enum Outcome: Equatable {
    case sent, ready, hungUp
    case received(String, deliveries: Int)
    case failed(CoreError.Kind)
  }

  struct Item: Equatable {
    let text: String
    var deliveries = 0
  }

  struct End {
    var isOpen = true
    var inbox: [Item] = []
    var underway = 0
    var holders: Set<Int> = []
    var sends: [(call: Int, text: String)] = []
    var receives: [(call: Int, maxLength: Int)] = []
    var polls: [Int] = []

    func hasRoom(_ text: String, _ capacity: Int) -> Bool {
      inbox.isEmpty || inbox.reduce(text.utf8.count) { $0 + $1.text.utf8.count } <= capacity
    }
  }

  let isDuplex: Bool
  let capacity: Int
  var ends = [End(), End()]
  /// By call.
  var outcomes: [Int: Outcome] = [:]

  private func canReceive(_ end: Int) -> Bool { isDuplex || end == 0 }
  private func canSend(_ end: Int) -> Bool { isDuplex || end == 1 }

  mutating func send(_ call: Int, _ text: String, at end: Int) {
    ends[end].sends.append((call, text))
    settle()
  }

  mutating func receive(_ call: Int, _ maxLength: Int, at end: Int) {
    ends[end].receives.append((call, maxLength))
    settle()
  }

  mutating func poll(_ call: Int, at end: Int) {
    ends[end].polls.append(call)
    settle()
  }

  mutating func hangUp(_ call: Int) {
    for end in 0...1 {
      ends[end].sends.removeAll { $0.call == call }
      ends[end].receives.removeAll { $0.call == call }
      ends[end].polls.removeAll { $0 == call }
    }
    outcomes[call] = .hungUp
    settle()
  }

  mutating func arrived(at end: Int) {
    ends[end].underway -= 1
    settle()
  }

  mutating func putBack(_ text: String, _ deliveries: Int, at end: Int) {
    ends[end].underway -= 1
    if ends[end].isOpen { ends[end].inbox.insert(Item(text: text, deliveries: deliveries + 1), at: 0) }
    settle()
  }

  mutating func open(_ session: Int, at end: Int) { if ends[end].isOpen { ends[end].holders.insert(session) } }

  mutating func close(_ session: Int?, at end: Int) {
    if session == nil, !ends[end].holders.isEmpty { return }
    if let session { ends[end].holders.remove(session) }
    if ends[end].holders.isEmpty { shut(end) }
  }

  mutating func endSession(_ session: Int) {
    for end in 0...1 where ends[end].holders.remove(session) != nil && ends[end].holders.isEmpty { shut(end) }
  }

  private mutating func shut(_ end: Int) {
    ends[end].isOpen = false
    ends[end].inbox = []
    settle()
  }

  /// Lets everybody who waits try, until nobody gets on.
  private mutating func settle() {
    var before: Int
    repeat {
      before = outcomes.count
      for end in 0...1 {
        while let first = ends[end].receives.first, let outcome = receiveNow(first.maxLength, at: end) {
          ends[end].receives.removeFirst()
          outcomes[first.call] = outcome
        }
        while let first = ends[end].sends.first, let outcome = sendNow(first.text, at: end) {
          ends[end].sends.removeFirst()
          outcomes[first.call] = outcome
        }
        while let first = ends[end].polls.first, let outcome = pollNow(at: end) {
          ends[end].polls.removeFirst()
          outcomes[first] = outcome
        }
      }
    } while outcomes.count > before
  }

  private mutating func sendNow(_ text: String, at end: Int) -> Outcome? {
    if !ends[end].isOpen { return .failed(.closed) }
    if !canSend(end) { return .failed(.wrongEnd) }
    if !ends[1 - end].isOpen { return .failed(.brokenPipe) }
    guard ends[1 - end].hasRoom(text, capacity) else { return nil }
    ends[1 - end].inbox.append(Item(text: text))
    return .sent
  }

  private mutating func receiveNow(_ maxLength: Int, at end: Int) -> Outcome? {
    if !ends[end].isOpen { return .failed(.closed) }
    if !canReceive(end) { return .failed(.wrongEnd) }
    guard let first = ends[end].inbox.first else { return isAtEnd(end) ? .failed(.endOfFile) : nil }
    let length = first.text.utf8.count
    if length > maxLength { return .failed(.bufferTooShort(length: length)) }
    ends[end].inbox.removeFirst()
    ends[end].underway += 1
    return .received(first.text, deliveries: first.deliveries)
  }

  private func pollNow(at end: Int) -> Outcome? {
    if !ends[end].isOpen { return .failed(.closed) }
    if !canReceive(end) { return .failed(.wrongEnd) }
    return ends[end].inbox.isEmpty && !isAtEnd(end) ? nil : .ready
  }

  private func isAtEnd(_ end: Int) -> Bool {
    !ends[1 - end].isOpen && ends[end].inbox.isEmpty && ends[end].underway == 0
  }
}
