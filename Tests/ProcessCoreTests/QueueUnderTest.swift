import Linux
import Testing

@testable import ProcessCore

/// A queue of its own, whose time passes when the test says so.
final class QueueUnderTest {
  let alarms = Alarms()
  let commons: Commons
  let queue: Queue

  init(_ settings: Queue.Settings = Queue.Settings(), _ limits: QueueLimits = QueueLimits()) throws {
    let log = EventLog(capacity: 100, alarms: alarms)
    commons = Commons(limit: 100, queues: limits, alarms: alarms, log: log)
    queue = try commons.queues.create(nil, settings, in: commons)
  }

  func session(_ ttl: Double? = nil) throws -> Session {
    try commons.sessions.create(nil, .init(ttl: ttl), in: commons)
  }

  /// Ends every lease and delay.
  func pass() { _ = alarms.ringDue(at: .distantFuture) }

  /// One try; false when there was no room.
  @discardableResult
  func put(_ text: String, _ type: ContentType = .binary) throws -> Bool {
    if case .done = try queue.put(Message(Bytes(text), type), until: .now, orPark: { { _ in } }) { true } else { false }
  }

  @discardableResult
  func put(all texts: [String]) throws -> Bool {
    let messages = texts.map { Message(Bytes($0), .json) }
    if case .done = try queue.put(all: messages, until: .now, orPark: { { _ in } }) { return true }
    return false
  }

  /// One try; nil when nothing was there.
  func get() throws -> String? { try delivery()?.text }

  func delivery() throws -> Delivery? {
    if case .done(let delivery) = try queue.get(until: .now, orPark: { { _ in } }) { delivery } else { nil }
  }

  func get(upTo limit: Int, bytes: Int = 1 << 20) throws -> Delivery? {
    let attempted = try queue.get(upTo: limit, bytes: bytes, until: .now, orPark: { { _ in } })
    if case .done(let delivery) = attempted { return delivery }
    return nil
  }

  func reserve(for session: Session? = nil, lease: Double? = nil) throws -> Reservation? {
    let attempted = try queue.reserve(for: session, lease: lease, until: .now, orPark: { { _ in } })
    if case .done(let reservation) = attempted { return reservation }
    return nil
  }

  /// Waits for a message; what it is told is in `Told`.
  func park() throws -> (Ticket, Told<Outcome<Delivery>>) {
    let told = Told<Outcome<Delivery>>()
    guard case .parked(let ticket) = try queue.get(until: nil, orPark: { told.tell }) else {
      throw CoreError(.stillRunning, "it did not have to wait")
    }
    return (ticket, told)
  }

  /// Everything that is in, taken out.
  func rest() throws -> [String] {
    var texts: [String] = []
    while let text = try get() { texts.append(text) }
    return texts
  }
}

extension Delivery {
  var messages: [Message] { [first] + others }
  var text: String { first.bytes.text }
  var texts: [String] { messages.map(\.bytes.text) }
}

extension Outcome {
  var value: T? { if case .value(let value) = self { value } else { nil } }
  var kind: CoreError.Kind? { if case .failed(let error) = self { error.kind } else { nil } }
}
