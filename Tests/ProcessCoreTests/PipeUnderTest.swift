import Linux
import Testing

@testable import ProcessCore

/// A pipe of its own, whose time passes when the test says so.
final class PipeUnderTest {
  let alarms = Alarms()
  let commons: Commons
  let pipe: ProcessCore.Pipe

  init(_ settings: ProcessCore.Pipe.Settings = .init(), _ limits: QueueLimits = QueueLimits()) throws {
    let log = EventLog(capacity: 100, alarms: alarms)
    commons = Commons(limit: 100, queues: limits, alarms: alarms, log: log)
    pipe = try commons.pipes.create(nil, settings, in: commons)
  }

  subscript(_ number: Int) -> PipeEnd { pipe.end(number) }

  func session() throws -> Session { try commons.sessions.create(nil, .init(), in: commons) }

  func end(_ session: Session) throws { try commons.sessions.delete(session) }

  /// What the pipe keeps of the memory that all share.
  var used: Int { commons.queuedBytes.used }
}

extension PipeEnd {
  /// One try; false when there was no room.
  @discardableResult
  func sendNow(_ text: String) throws -> Bool {
    if case .done = try send(Message(Bytes(text)), until: .now, orPark: { { _ in } }) { true } else { false }
  }

  /// One try; nil when nothing was there.
  func receiveNow(_ maxLength: Int = .max) throws -> Delivery? {
    if case .done(let delivery) = try receive(maxLength: maxLength, until: .now, orPark: { { _ in } }) {
      return delivery
    }
    return nil
  }

  func textNow() throws -> String? { try receiveNow()?.text }

  func pollNow() throws -> Bool {
    if case .done = try poll(until: .now, orPark: { { _ in } }) { true } else { false }
  }

  /// Waits; what it is told is in `Told`.
  func parkReceive(for session: Session? = nil) throws -> (Ticket, Told<Outcome<Delivery>>) {
    let told = Told<Outcome<Delivery>>()
    guard case .parked(let ticket) = try receive(for: session, until: nil, orPark: { told.tell }) else {
      throw CoreError(.stillRunning, "it did not have to wait")
    }
    return (ticket, told)
  }

  func parkSend(_ text: String, for session: Session? = nil) throws -> (Ticket, Told<Outcome<Void>>) {
    let told = Told<Outcome<Void>>()
    guard case .parked(let ticket) = try send(Message(Bytes(text)), for: session, until: nil, orPark: { told.tell })
    else { throw CoreError(.stillRunning, "it did not have to wait") }
    return (ticket, told)
  }

  func parkPoll() throws -> Told<Outcome<Void>> {
    let told = Told<Outcome<Void>>()
    guard case .parked = try poll(until: nil, orPark: { told.tell }) else {
      throw CoreError(.stillRunning, "it did not have to wait")
    }
    return told
  }
}
