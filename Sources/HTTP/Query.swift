import JSONCodec

import Linux

/// The parameters after `?`, decoded. Keys are unique and not empty, and all is UTF-8 without NUL: the gate saw to it.
public struct Query: Sendable {
  public let parameters: [(name: String, value: String)]

  init(parameters: [(name: String, value: String)] = []) { self.parameters = parameters }

  public var isEmpty: Bool { parameters.isEmpty }

  /// The value of a parameter; empty when it was given without `=`, nil when it was not given.
  public subscript(_ name: String) -> String? { parameters.first { $0.name == name }?.value }

  /// Reads what follows the `?` of a target.
  static func parse(_ raw: UnsafeRawBufferPointer) throws(Problem) -> Query {
    guard !raw.isEmpty else { return Query() }
    var parameters: [(name: String, value: String)] = []
    var start = 0
    while start <= raw.count {
      var end = start
      while end < raw.count, raw[end] != UInt8(ascii: "&") { end += 1 }
      var equals = start
      while equals < end, raw[equals] != UInt8(ascii: "=") { equals += 1 }
      let name = try decode(raw.slice(start..<equals))
      let value = equals < end ? try decode(raw.slice(equals + 1..<end)) : ""
      guard !name.isEmpty else { throw malformed("A query parameter has no name.") }
      guard !parameters.contains(where: { $0.name == name }) else {
        throw malformed("The query parameter `\(name)` is given twice.", at: "?\(name)")
      }
      parameters.append((name, value))
      start = end + 1
    }
    return Query(parameters: parameters)
  }

  private static func decode(_ raw: UnsafeRawBufferPointer) throws(Problem) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    var index = 0
    while index < raw.count {
      switch raw[index] {
      case UInt8(ascii: "+"): bytes.append(0x20)
      case UInt8(ascii: "%"):
        guard index + 2 < raw.count, let high = ByteClass.hexValue(raw[index + 1]),
          let low = ByteClass.hexValue(raw[index + 2])
        else { throw malformed("The query has a `%` without two hexadecimal digits.") }
        bytes.append(high << 4 | low)
        index += 2
      case let byte where byte <= 0x20 || byte == 0x7f: throw malformed("The query has a control byte or a space.")
      case let byte: bytes.append(byte)
      }
      index += 1
    }
    guard !bytes.contains(0) else { throw malformed("The query has a NUL byte.") }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw malformed("The query is not UTF-8.") }
    return text
  }

  private static func malformed(_ detail: String, at pointer: String? = nil) -> Problem {
    Problem(400, "MalformedQuery", detail, errors: pointer.map { [Problem.FieldError($0, detail)] } ?? [])
  }
}
