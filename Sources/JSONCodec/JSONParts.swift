/// Finds the parts of a JSON text in one pass that checks all of it and builds nothing.
public enum JSONParts {
  /// Where a member of an object is: its name without the quotes, as it is written, and its value.
  public struct Member {
    public let name: Range<Int>
    public let value: Range<Int>
  }

  /// Calls `member` for each member of the object that the bytes are, and before that `item` for each item of the member
  /// called `list`, if that is an array.
  public static func members(
    of bytes: UnsafeRawBufferPointer, list: StaticString? = nil, item: (Range<Int>) -> Void = { _ in },
    _ member: (Member) -> Void
  ) throws(JSONError) {
    try scan(bytes) { scanner, base throws(JSONScanner.Failure) in
      guard scanner.take(UInt8(ascii: "{")) else { throw JSONScanner.Failure("an object is expected") }
      scanner.skipSpace()
      if scanner.take(UInt8(ascii: "}")) { return }
      repeat {
        scanner.skipSpace()
        let name = scanner.at - base + 1
        try scanner.memberName()
        let end = name + length(of: bytes, from: name)
        let start = scanner.at - base
        if let list, scanner.next == UInt8(ascii: "["), bytes[name..<end].elementsEqual(list.bytes) {
          try items(&scanner, base, depth: JSONValidator.maximumDepth - 2, item)
        } else {
          try scanner.value(depth: JSONValidator.maximumDepth - 1)
        }
        member(Member(name: name..<end, value: start..<scanner.at - base))
        scanner.skipSpace()
      } while scanner.take(UInt8(ascii: ","))
      guard scanner.take(UInt8(ascii: "}")) else { throw JSONScanner.Failure("',' or '}' is expected") }
    }
  }

  /// Calls `item` for each item of the array that the bytes are.
  public static func items(of bytes: UnsafeRawBufferPointer, _ item: (Range<Int>) -> Void) throws(JSONError) {
    try scan(bytes) { scanner, base throws(JSONScanner.Failure) in
      guard scanner.next == UInt8(ascii: "[") else { throw JSONScanner.Failure("an array is expected") }
      try items(&scanner, base, depth: JSONValidator.maximumDepth - 1, item)
    }
  }

  private static func items(
    _ scanner: inout JSONScanner, _ base: UnsafeRawPointer, depth: Int, _ item: (Range<Int>) -> Void
  ) throws(JSONScanner.Failure) {
    scanner.at += 1
    scanner.skipSpace()
    if scanner.take(UInt8(ascii: "]")) { return }
    repeat {
      scanner.skipSpace()
      let start = scanner.at - base
      try scanner.value(depth: depth)
      item(start..<scanner.at - base)
      scanner.skipSpace()
    } while scanner.take(UInt8(ascii: ","))
    guard scanner.take(UInt8(ascii: "]")) else { throw JSONScanner.Failure("',' or ']' is expected") }
  }

  /// How long a name is that has been passed.
  private static func length(of bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var end = start
    while bytes[end] != UInt8(ascii: "\"") { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
    return end - start
  }

  private static func scan(
    _ bytes: UnsafeRawBufferPointer,
    _ body: (inout JSONScanner, UnsafeRawPointer) throws(JSONScanner.Failure) -> Void
  ) throws(JSONError) {
    guard let base = bytes.baseAddress else { throw JSONError(line: 1, column: 1, detail: "the document is empty") }
    var scanner = JSONScanner(at: base, end: base + bytes.count)
    do throws(JSONScanner.Failure) {
      scanner.skipSpace()
      try body(&scanner, base)
      scanner.skipSpace()
      guard scanner.at == scanner.end else { throw JSONScanner.Failure("something follows the value") }
    } catch {
      let detail = scanner.at == scanner.end ? "the document ends too early" : error.detail
      throw JSONError(at: scanner.at - base, of: bytes, bytes.isEmpty ? "the document is empty" : detail)
    }
  }
}

extension StaticString {
  fileprivate var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
