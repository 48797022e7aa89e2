import HTTP
import JSONCodec
import Linux
import ProcessCore

/// A process's output as Server-Sent Events: `output`, `gap` and `end`. An event's id is the offset after it, so that a
/// client that reconnects goes on from there.
final class OutputEvents {
  private let process: Process
  private let selection: OutputSelection
  private let follow: Bool
  private var offset: UInt64
  private var isOver = false
  private let buffer = Bytes(count: 16 << 10)

  init(_ process: Process, _ selection: OutputSelection, from offset: UInt64, follow: Bool) {
    self.process = process
    self.selection = selection
    self.follow = follow
    self.offset = offset
  }

  func produce(_ deadline: Deadline, _ wake: @escaping @Sendable (_ timedOut: Bool) -> Void) -> EventStream.Step {
    if isOver { return .end }
    switch process.readOutput(selection, at: offset, into: buffer.mutableBuffer) {
    case .bytes(let count, let stream): return .text(output(count, stream))
    case .gap(let to): return .text(gap(to))
    case .end: return .text(end())
    case nil: break
    }
    guard follow else { return .end }
    return step(wake) { orPark throws(CoreError) in
      try process.waitForOutput(selection, at: offset, until: deadline, orPark: orPark)
    } _: {
      .again
    }
  }

  private func output(_ count: Int, _ stream: OutputStream) -> String {
    let bytes = UnsafeRawBufferPointer(rebasing: buffer.buffer[..<count])
    let data = JSON.object()
    data.set("stream", stream == .stdout ? "stdout" : "stderr")
    data.set("offset", Int(offset))
    // A character that a read has cut in two is told with the rest of it in the next event.
    let whole = wholeCharacters(bytes)
    if let text = String(validating: bytes[..<whole], as: UTF8.self), whole > 0 {
      data.set("text", text)
      offset += UInt64(whole)
    } else {
      data.set("base64", base64(bytes))
      offset += UInt64(count)
    }
    return EventStream.event("output", id: offset, data: data.dump())
  }

  private func gap(_ to: UInt64) -> String {
    let data = JSON.object()
    data.set("from", Int(offset))
    data.set("through", Int(to) - 1)
    offset = to
    return EventStream.event("gap", id: to, data: data.dump())
  }

  private func end() -> String {
    isOver = true
    let data = JSON.object()
    data.set("offset", Int(offset))
    return EventStream.event("end", id: offset, data: data.dump())
  }
}

/// How many of the bytes are whole UTF-8 characters, when only the last is cut short.
func wholeCharacters(_ bytes: UnsafeRawBufferPointer) -> Int {
  var start = bytes.count
  for back in 1...3 where back <= bytes.count {
    let byte = bytes[bytes.count - back]
    if byte & 0xC0 == 0x80 { continue }
    let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
    if length > back { start = bytes.count - back }
    break
  }
  return start
}

func base64(_ bytes: UnsafeRawBufferPointer) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var text: [UInt8] = []
  text.reserveCapacity((bytes.count + 2) / 3 * 4)
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let group = bytes[start..<min(start + 3, bytes.count)]
    var bits = group.reduce(0) { $0 << 8 | UInt32($1) }
    bits <<= UInt32(8 * (3 - group.count))
    for index in 0..<4 {
      text.append(index <= group.count ? alphabet[Int(bits >> UInt32(18 - 6 * index) & 63)] : UInt8(ascii: "="))
    }
  }
  return String(decoding: text, as: UTF8.self)
}
