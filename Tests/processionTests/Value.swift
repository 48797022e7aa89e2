/// A JSON value as a test reads it. Whatever is not there is `.null`.
enum Value: Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case array([Value])
  case object([String: Value])

  subscript(_ name: String) -> Value { if case .object(let members) = self { members[name] ?? .null } else { .null } }
  subscript(_ index: Int) -> Value { items.indices.contains(index) ? items[index] : .null }

  var items: [Value] { if case .array(let items) = self { items } else { [] } }
  var names: Set<String> { if case .object(let members) = self { Set(members.keys) } else { [] } }
  var text: String? { if case .text(let text) = self { text } else { nil } }
  var number: Double? { if case .number(let number) = self { number } else { nil } }
  var int: Int? { number.flatMap { Int(exactly: $0) } }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
}

extension Value {
  /// `.null` when the bytes are no JSON.
  init(_ bytes: [UInt8]) {
    var reader = Reader(bytes: bytes)
    self = reader.value() ?? .null
  }

  init(_ text: String) { self.init(Array(text.utf8)) }

  private struct Reader {
    let bytes: [UInt8]
    var at = 0

    mutating func next() -> UInt8? {
      while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
      return at < bytes.count ? bytes[at] : nil
    }

    mutating func value() -> Value? {
      switch next() {
      case UInt8(ascii: "{"): return object()
      case UInt8(ascii: "["): return array()
      case UInt8(ascii: "\""): return string().map { .text($0) }
      case nil: return nil
      default: return word()
      }
    }

    private mutating func word() -> Value? {
      let start = at
      while at < bytes.count, !",]} \n".utf8.contains(bytes[at]) { at += 1 }
      switch String(decoding: bytes[start..<at], as: UTF8.self) {
      case "null": return .null
      case "true": return .bool(true)
      case "false": return .bool(false)
      case let text: return Double(text).map { .number($0) }
      }
    }

    private mutating func array() -> Value? {
      var items: [Value] = []
      at += 1
      while let byte = next(), byte != UInt8(ascii: "]") {
        guard let item = value() else { return nil }
        items.append(item)
        if next() == UInt8(ascii: ",") { at += 1 }
      }
      at += 1
      return .array(items)
    }

    private mutating func object() -> Value? {
      var members: [String: Value] = [:]
      at += 1
      while next() == UInt8(ascii: "\""), let name = string(), next() == UInt8(ascii: ":") {
        at += 1
        members[name] = value()
        if next() == UInt8(ascii: ",") { at += 1 }
      }
      at += 1
      return .object(members)
    }

    private mutating func string() -> String? {
      var text: [UInt8] = []
      at += 1
      while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
        if bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count { escape(&text) } else { text.append(bytes[at]) }
        at += 1
      }
      at += 1
      return String(validating: text, as: UTF8.self)
    }

    private mutating func escape(_ text: inout [UInt8]) {
      at += 1
      switch bytes[at] {
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "u"):
        let digits = String(decoding: bytes[min(at + 1, bytes.count)..<min(at + 5, bytes.count)], as: UTF8.self)
        text += Array(String(UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init).map(Character.init) ?? "?").utf8)
        at += 4
      case let byte: text.append(byte)
      }
    }
  }
}
