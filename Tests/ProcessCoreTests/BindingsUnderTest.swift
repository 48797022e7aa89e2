import Glibc
import Linux
import Testing

@testable import ProcessCore

struct Fault: Sendable {
  let pointer: String
  let change: @Sendable (inout ProcessTemplate) -> Void

  init(_ pointer: String, _ change: @escaping @Sendable (inout ProcessTemplate) -> Void) {
    self.pointer = pointer
    self.change = change
  }
}

/// Whether a process waits for something, as the kernel tells it.
func isAsleep(_ pid: CInt) -> Bool {
  let fd = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
  guard fd >= 0 else { return false }
  defer { close(fd) }
  var text = [UInt8](repeating: 0, count: 512)
  let count = max(read(fd, &text, text.count), 0)
  return String(decoding: text[..<count], as: UTF8.self).contains(") S ")
}

extension Binding {
  static func queue(_ name: String, _ framing: Framing = .lines) -> Binding {
    guard let name = Name(name) else { preconditionFailure("no name") }
    return Binding(.queue(name), framing)
  }

  static func end(_ number: Int, of name: String) -> Binding {
    guard let name = Name(name) else { preconditionFailure("no name") }
    return Binding(.end(number, of: name), .raw)
  }
}

extension Queue {
  func putNow(_ text: String) throws {
    guard case .done = try put(Message(Bytes(text)), until: .now, orPark: { { _ in } }) else {
      throw CoreError(.full, "no room")
    }
  }

  func now() throws -> Delivery? {
    if case .done(let delivery) = try get(until: .now, orPark: { { _ in } }) { delivery } else { nil }
  }

  func textNow() throws -> String? { try now()?.text }

  /// Waits for it; nil when none comes in time.
  func nextText(within seconds: Double = 20) throws -> String? {
    if let text = try textNow() { return text }
    let told = Told<Outcome<Delivery>>()
    switch try get(until: nil, orPark: { told.tell }) {
    case .done(let delivery): return delivery.text
    case .parked(let ticket):
      if !told.reached(1, within: seconds), ticket.hangUp() { return nil }
      return told.reached(1) ? told.all[0].value?.text : nil
    case .timedOut: return nil
    }
  }

  func all() throws -> [Delivery] {
    var all: [Delivery] = []
    while let delivery = try now() { all.append(delivery) }
    return all
  }
}

extension PipeEnd {
  /// Waits for it; nil at the end.
  func next() throws -> Delivery? {
    let told = Told<Outcome<Delivery>>()
    let attempted = try? receive(until: nil) { told.tell }
    switch attempted {
    case .done(let delivery): return delivery
    case .parked: return told.reached(1, within: 20) ? told.all[0].value : nil
    case .timedOut, nil: return nil
    }
  }

  func nextText() throws -> String? { try next()?.text }
}
