/// Finds out which member a place in a document belongs to, for what jansson refuses in a document that is valid. It reads the
/// document once more, which only a caller who made a mistake waits for.
struct JSONPointerFinder {
  private var scanner: JSONScanner
  private let place: UnsafeRawPointer

  /// The pointer (RFC 6901) to the member or element whose name or value is the first to end at `offset` or behind it. The
  /// document is valid.
  static func pointer(at offset: Int, in bytes: UnsafeRawBufferPointer) -> String {
    guard let base = bytes.baseAddress else { return "" }
    var finder = JSONPointerFinder(
      scanner: JSONScanner(at: base, end: base + bytes.count), place: base + offset)
    return finder.find(in: "") ?? ""
  }

  /// Reads a value; nil when the place is behind it.
  private mutating func find(in pointer: String) -> String? {
    scanner.skipSpace()
    switch scanner.next {
    case UInt8(ascii: "{"): return members(of: pointer)
    case UInt8(ascii: "["): return elements(of: pointer)
    case UInt8(ascii: "\""): try? scanner.string()
    default:
      while !",]} \t\r\n".utf8.contains(scanner.next), scanner.at < scanner.end { scanner.at += 1 }
    }
    return scanner.at >= place ? pointer : nil
  }

  private mutating func members(of pointer: String) -> String? {
    scanner.at += 1
    scanner.skipSpace()
    while !scanner.take(UInt8(ascii: "}")) {
      let start = scanner.at
      try? scanner.string()
      let name = UnsafeRawBufferPointer(start: start + 1, count: scanner.at - start - 2)
      let member = pointer.pointer(to: unescaped(name))
      if scanner.at >= place { return member }
      scanner.skipSpace()
      scanner.at += 1  // The colon.
      if let found = find(in: member) { return found }
      skipComma()
    }
    return scanner.at >= place ? pointer : nil
  }

  private mutating func elements(of pointer: String) -> String? {
    scanner.at += 1
    scanner.skipSpace()
    var index = 0
    while !scanner.take(UInt8(ascii: "]")) {
      if let found = find(in: "\(pointer)/\(index)") { return found }
      index += 1
      skipComma()
    }
    return scanner.at >= place ? pointer : nil
  }

  private mutating func skipComma() {
    scanner.skipSpace()
    if scanner.take(UInt8(ascii: ",")) { scanner.skipSpace() }
  }
}

/// The text of a string that is valid, without its quotes.
private func unescaped(_ bytes: UnsafeRawBufferPointer) -> String {
  var units: [UInt16] = []
  var text = String(decoding: bytes, as: UTF8.self).utf16.makeIterator()
  while let unit = text.next() {
    guard unit == UInt16(UInt8(ascii: "\\")), let escape = text.next() else {
      units.append(unit)
      continue
    }
    switch UInt8(truncatingIfNeeded: escape) {
    case UInt8(ascii: "b"): units.append(0x08)
    case UInt8(ascii: "f"): units.append(0x0C)
    case UInt8(ascii: "n"): units.append(0x0A)
    case UInt8(ascii: "r"): units.append(0x0D)
    case UInt8(ascii: "t"): units.append(0x09)
    case UInt8(ascii: "u"):
      let digits = (0..<4).compactMap { _ in text.next() }
      units.append(UInt16(String(decoding: digits, as: UTF16.self), radix: 16) ?? 0xFFFD)
    default: units.append(escape)
    }
  }
  return String(decoding: units, as: UTF16.self)
}
