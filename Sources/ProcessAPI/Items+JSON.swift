import HTTP
import JSONCodec
import Linux
import ProcessCore

/// Items as they are answered. They are data of the client's and no document of ours, and jansson has no integers beyond 63
/// bits, so they are written here.
struct ItemsText {
  private(set) var bytes: [UInt8] = []

  mutating func write(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  mutating func write(_ items: Items) {
    bytes.reserveCapacity(bytes.count + items.count * 8)
    write("[")
    for (index, item) in items.enumerated() {
      if index > 0 { write(",") }
      write(item)
    }
    write("]")
  }

  mutating func write(_ item: Item) {
    switch item {
    case .integer(let value): bytes.append(contentsOf: String(value).utf8)
    case .unsigned(let value): bytes.append(contentsOf: String(value).utf8)
    case .double(let value):
      guard value.isFinite else { return write(value.isNaN ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\"") }
      // The shortest text that reads back as the same number, which is JSON as it is.
      bytes.append(contentsOf: value.description.utf8)
    case .character(let byte): write(byte)
    }
  }

  /// A character of Latin-1, by its number.
  private mutating func write(_ byte: UInt8) {
    write("\"")
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
    case ..<0x20, 0x7F:
      let digits = Array("0123456789abcdef".utf8)
      write("\\u00")
      bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    case 0x80...: bytes += [0xC0 | byte >> 6, 0x80 | byte & 0x3F]
    default: bytes.append(byte)
    }
    write("\"")
  }

  mutating func write(_ flag: Bool) { flag ? write("true") : write("false") }

  func response() -> Response { .json(bytes.withUnsafeBytes { Bytes(copying: $0) }) }
}

extension Item {
  /// `{"value": …}`
  func response() -> Response {
    var text = ItemsText()
    text.write("{\"value\":")
    text.write(self)
    text.write("}")
    return text.response()
  }
}

extension Fields {
  /// An item of a type; what it is not is said as ctypes would.
  func item(_ field: String, _ code: TypeCode) -> Item? {
    guard isGiven(field) else {
      fail(field, "is required")
      return nil
    }
    guard let item = scalar(field).flatMap({ Item($0, code) }) else {
      fail(field, code.rule)
      return nil
    }
    return item
  }

  /// A list of items of a type, at most as many as a document may reasonably have.
  func items(_ field: String, _ code: TypeCode) -> [Item]? {
    guard let scalars = scalars(field) else { return nil }
    var items: [Item] = []
    items.reserveCapacity(scalars.count)
    for (index, scalar) in scalars.enumerated() {
      guard let item = Item(scalar, code) else {
        fail(field, "\(index)", code.rule)
        return nil
      }
      items.append(item)
    }
    return items
  }
}

extension Item {
  /// nil for what cannot be an item of that type, whatever its value.
  fileprivate init?(_ scalar: Fields.Scalar, _ code: TypeCode) {
    switch scalar {
    case .null, .bool: return nil
    case .integer(let value): self = .integer(Int64(value))
    case .real(let value): self = .double(value)
    case .string(let text):
      if let digits = WideInteger.digits(in: text) {
        guard let item = Item(digits, code) else { return nil }
        self = item
        return
      }
      if code == .char {
        self.init(character: text)
        return
      }
      guard code == .float || code == .double else { return nil }
      switch text {
      case "NaN": self = .double(.nan)
      case "Infinity": self = .double(.infinity)
      case "-Infinity": self = .double(-.infinity)
      default: return nil
      }
    }
    // Integers of characters and of floating point alike are for the array to judge, but a number is no character.
    if code == .char { return nil }
  }

  /// An integer of any size.
  private init?(_ digits: Substring, _ code: TypeCode) {
    switch code {
    case .char: return nil
    case .float, .double:
      guard let value = Double(digits), value.isFinite else { return nil }
      self = .double(value)
    default:
      guard let value = WideInteger.wrapped(digits) else { return nil }
      self.init(value)
    }
  }
}
