import HTTP
import JSONCodec
import Linux
import ProcessCore

extension ItemList {
  /// The values of NDJSON. What is between two of them becomes a comma, so that any run of them is the inside of an array.
  init(lines: Bytes) throws(JSONError) {
    self.init(lines)
    let buffer = lines.buffer
    var start = 0
    while start < buffer.count {
      let end = buffer.index(of: UInt8(ascii: "\n"), from: start)
      let line = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
      if line.contains(where: { $0 > UInt8(ascii: " ") }) {
        let value = try JSONValidator.validate(line)
        append(start + value.lowerBound..<start + value.upperBound)
        // Nobody but the request has the bytes yet.
        if end < buffer.count { lines.mutableBuffer[end] = UInt8(ascii: ",") }
      } else {
        for index in start..<end { lines.mutableBuffer[index] = UInt8(ascii: " ") }
      }
      start = end + 1
    }
  }
}

/// A document of which some members are the client's own: those are found, and passed on as they stand.
struct SplitDocument {
  let body: Bytes
  /// A reader of the other members.
  let fields: Fields
  /// The items of the member `list`, if that is an array.
  let items: ItemList?
  private let parts: [(name: String, place: Range<Int>)]

  /// `own` are the client's members.
  init(_ request: Request, own: [String], list: StaticString? = nil) throws(Problem) {
    body = request.body.count == 0 ? Bytes("{}") : request.body
    let buffer = body.buffer
    var items = list == nil ? nil : ItemList(body)
    var parts: [(name: String, place: Range<Int>)] = []
    var rest: [UInt8] = [UInt8(ascii: "{")]
    do throws(JSONError) {
      try JSONParts.members(of: buffer, list: list) {
        items?.append($0)
      } _: { member in
        let name = buffer[member.name]
        if let own = own.first(where: { name.elementsEqual($0.utf8) }), !parts.contains(where: { $0.name == own }) {
          parts.append((own, member.value))
        } else {
          if rest.count > 1 { rest.append(UInt8(ascii: ",")) }
          rest.append(contentsOf: buffer[member.name.lowerBound - 1..<member.value.upperBound])
        }
      }
      rest.append(UInt8(ascii: "}"))
      fields = try rest.withUnsafeBytes { rest in
        Result { () throws(JSONError) in try Fields(rest) }
      }.get()
    } catch {
      throw Problem(400, "JSONDecodeError", "the body is not JSON: \(error)")
    }
    self.items = items
    self.parts = parts
  }

  /// One of the client's members; nil when it is absent or null.
  func own(_ name: String) -> ByteSlice? {
    guard let place = parts.first(where: { $0.name == name })?.place else { return nil }
    return body.buffer[place.lowerBound] == UInt8(ascii: "n") ? nil : ByteSlice(body, place)
  }

  /// As `own`, of a member that is an array; anything else is an error.
  func array(_ name: String) -> ByteSlice? { own(name, beginning: "[", "must be an array") }

  func object(_ name: String) -> ByteSlice? { own(name, beginning: "{", "must be an object") }

  private func own(_ name: String, beginning: Unicode.Scalar, _ otherwise: String) -> ByteSlice? {
    guard let value = own(name) else { return nil }
    if value.buffer.first == UInt8(ascii: beginning) { return value }
    fields.fail(name, otherwise)
    return nil
  }
}
