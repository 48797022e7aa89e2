/// An answer that is read as it comes.
final class Stream {
  let status: Int
  let headers: [String: String]
  private let connection: Connection
  private var left: Int?
  private let isChunked: Bool
  private var isOver = false
  /// Of an event stream: text that is no whole event yet.
  private var pending = ""
  /// Whether the body ended as it should, and was not cut off.
  private(set) var isWhole = false

  /// Nil when no head comes in time.
  init?(_ connection: Connection, isHead: Bool, seconds: Double) {
    guard let first = connection.line(seconds: seconds)?.split(separator: " "), first.count > 1,
      let status = Int(first[1])
    else { return nil }
    var headers: [String: String] = [:]
    while let line = connection.line(seconds: seconds), let colon = line.firstIndex(of: ":") {
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      headers[line[..<colon].lowercased()] = String(value)
    }
    self.connection = connection
    self.status = status
    self.headers = headers
    isChunked = headers["transfer-encoding"] == "chunked"
    left = headers["content-length"].flatMap { Int($0) }
    if isHead || status == 204 {
      isOver = true
      isWhole = true
    }
  }

  /// The next bytes; nil at the end, or when none come in time.
  func next(seconds: Double = 30) -> [UInt8]? {
    if isOver { return nil }
    guard isChunked else {
      isOver = true
      guard let left else { return connection.rest(seconds: seconds) }
      let bytes = connection.bytes(left, seconds: seconds)
      isWhole = bytes.count == left
      return bytes
    }
    guard let line = connection.line(seconds: seconds), let count = Int(line, radix: 16) else { return nil }
    let bytes = connection.bytes(count, seconds: seconds)
    _ = connection.line(seconds: seconds)
    guard count > 0 else {
      isOver = true
      isWhole = true
      return nil
    }
    return bytes
  }

  /// All that is left.
  func rest(seconds: Double = 60) -> [UInt8] {
    var bytes: [UInt8] = []
    while let more = next(seconds: seconds) { bytes += more }
    return bytes
  }

  /// What comes until it contains `text`.
  func text(until text: String, seconds: Double = 30) -> String {
    var bytes: [UInt8] = []
    while !String(decoding: bytes, as: UTF8.self).contains(text), let more = next(seconds: seconds) { bytes += more }
    return String(decoding: bytes, as: UTF8.self)
  }

  struct Event {
    var type = ""
    var id = ""
    var data = Value.null
  }

  /// The next event of an event stream; comments are skipped.
  func event(seconds: Double = 30) -> Event? {
    while true {
      while let end = pending.firstRange(of: "\n\n") {
        let lines = pending[..<end.lowerBound].split(separator: "\n")
        pending = String(pending[end.upperBound...])
        var event = Event()
        for line in lines {
          if line.hasPrefix("event: ") { event.type = String(line.dropFirst(7)) }
          if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
          if line.hasPrefix("data: ") { event.data = Value(String(line.dropFirst(6))) }
        }
        if !lines.allSatisfy({ $0.hasPrefix(":") }) { return event }
      }
      guard let more = next(seconds: seconds) else { return nil }
      pending += String(decoding: more, as: UTF8.self)
    }
  }

  /// Events up to and with the first of that type.
  func events(until type: String, seconds: Double = 30) -> [Event] {
    var events: [Event] = []
    while let event = event(seconds: seconds) {
      events.append(event)
      if event.type == type { break }
    }
    return events
  }
}
