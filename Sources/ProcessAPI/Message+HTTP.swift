import Glibc
import HTTP
import JSONCodec
import Linux
import ProcessCore

/// Messages as they come in requests.
extension Request {
  /// What the client says that its payload is.
  func payloadType() throws(Problem) -> ContentType {
    guard let bytes = contentType, !bytes.isEmpty else { return .binary }
    if let common = ContentType.common(bytes) { return common }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .invalid([.init("Content-Type", "must be UTF-8")])
    }
    return ContentType(text)
  }

  /// The body as a message. JSON is checked and otherwise left as it is.
  func takeMessage(_ type: ContentType) throws(Problem) -> Message {
    if type.form == .json { _ = try json(body.buffer) { $0 } }
    return Message(takeBody(), type)
  }

  /// How many messages a body may be.
  private static let mostLines = 100_000

  /// Each line of the body as a message; empty ones are none.
  func takeLines() throws(Problem) -> [Message] {
    let body = takeBody()
    var messages: [Message] = []
    var start = 0
    var number = 1
    while start < body.count {
      let newline = memchr(body.start + start, 0x0A, body.count - start)
      let end = newline.map { UnsafeRawPointer($0) - UnsafeRawPointer(body.start) } ?? body.count
      let line = UnsafeRawBufferPointer(rebasing: body.buffer[start..<end])
      if !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) {
        guard messages.count < Self.mostLines else {
          throw Problem(413, "TooLarge", "A body may be at most \(Self.mostLines) messages.")
        }
        let value = try json(line) { "line \(number): \($0)" }
        messages.append(Message(Bytes(copying: UnsafeRawBufferPointer(rebasing: line[value])), .json))
      }
      start = end + 1
      number += 1
    }
    return messages
  }

  /// Where in the bytes the value is.
  private func json(
    _ bytes: UnsafeRawBufferPointer, _ place: (String) -> String
  ) throws(Problem) -> Range<Int> {
    do throws(JSONError) { return try JSONValidator.validate(bytes) } catch {
      throw Problem(400, "JSONDecodeError", place("the message is not JSON: \(error)"))
    }
  }

  /// Until when to wait, of an operation that has no other parameters.
  func deadline() throws(Problem) -> Deadline? {
    if !hasQuery { return nil }
    var parameters = Parameters(self)
    let deadline = parameters.deadline()
    try parameters.finish()
    return deadline
  }
}

/// Messages as they are answered.
extension Message {
  func response() -> Response { messageResponse(type, bytes, deliveries: deliveries) }
}

extension Delivery {
  /// Whoever cannot be given it leaves it to the next.
  func response() -> Response {
    messageResponse(
      areLines ? .jsonLines : first.type, areLines ? lines : first.bytes,
      deliveries: others.reduce(first.deliveries) { max($0, $1.deliveries) }, onUndelivered: { self.putBack() })
  }

  private var lines: Bytes {
    let size = others.reduce(first.bytes.count + 1) { $0 + $1.bytes.count + 1 }
    let body = Bytes(count: size)
    var writer = Writer(body.start)
    func write(_ message: Message) {
      writer.write(message.bytes.buffer)
      writer.write(byte: UInt8(ascii: "\n"))
    }
    write(first)
    for message in others { write(message) }
    return body
  }
}

/// `deliveries`: how often somebody was given the message before, or of several the one of them that this is most of.
private func messageResponse(
  _ type: ContentType, _ bytes: Bytes, deliveries: Int, onUndelivered: (@Sendable () -> Void)? = nil
) -> Response {
  Response(
    200, contentType: type.text, .bytes(bytes),
    headers: deliveries > 0 ? [("Procession-Deliveries", String(deliveries))] : [], onUndelivered: onUndelivered)
}
