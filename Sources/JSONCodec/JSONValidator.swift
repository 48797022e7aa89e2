/// Tells whether bytes are one JSON value, without building anything.
///
/// It accepts what RFC 8259 does and so what jansson cannot hold: integers of any size, `1E400`, `\u0000`, a member twice.
/// Of what the RFC leaves open it refuses what other readers choke on: a byte order mark, half a surrogate pair, and
/// nesting beyond `depth`.
public enum JSONValidator {
  /// One bit per level tells objects from arrays.
  public static let maximumDepth = 64

  /// The range of the value, without the white space around it.
  @discardableResult
  public static func validate(
    _ bytes: UnsafeRawBufferPointer, depth: Int = maximumDepth
  ) throws(JSONError) -> Range<Int> {
    precondition(depth <= maximumDepth, "one bit per level")
    guard let base = bytes.baseAddress else { throw JSONError(line: 1, column: 1, detail: "the document is empty") }
    var scanner = JSONScanner(at: base, end: base + bytes.count)
    do throws(JSONScanner.Failure) {
      scanner.skipSpace()
      let start = scanner.at
      if scanner.next == 0xEF { throw JSONScanner.Failure("a document may not start with a byte order mark") }
      try scanner.value(depth: depth)
      let range = start - base..<scanner.at - base
      scanner.skipSpace()
      guard scanner.at == scanner.end else { throw JSONScanner.Failure("something follows the value") }
      return range
    } catch {
      let detail = scanner.at == scanner.end ? "the document ends too early" : error.detail
      throw JSONError(at: scanner.at - base, of: bytes, bytes.isEmpty ? "the document is empty" : detail)
    }
  }
}

/// A place in a document. What throws leaves `at` on the byte that is wrong.
struct JSONScanner {
  var at: UnsafeRawPointer
  let end: UnsafeRawPointer

  struct Failure: Error {
    let what: StaticString
    init(_ what: StaticString) { self.what = what }
    var detail: String { what.description }
  }

  /// NUL stands for the end: it is wrong wherever it could be met.
  var next: UInt8 {
    @inline(__always) get { at < end ? at.load(as: UInt8.self) : 0 }
  }

  @inline(__always) mutating func skipSpace() {
    while true {
      switch next {
      case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): at += 1
      default: return
      }
    }
  }

  @inline(__always) mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    at += 1
    return true
  }

  /// One value and all it contains, with a bit set instead of recursion: a document decides how deep it is.
  mutating func value(depth: Int) throws(Failure) {
    var open = 0
    var isObject: UInt64 = 0
    while true {
      switch next {
      case UInt8(ascii: "\""): try string()
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard open < depth else { throw Failure("the document is nested too deeply") }
        let object = next == UInt8(ascii: "{")
        at += 1
        open += 1
        isObject = isObject << 1 | (object ? 1 : 0)
        skipSpace()
        if next != (object ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
          if object { try memberName() }
          continue
        }
      case UInt8(ascii: "t"): try literal("true")
      case UInt8(ascii: "f"): try literal("false")
      case UInt8(ascii: "n"): try literal("null")
      default: throw Failure("a value is expected")
      }
      guard try close(&open, &isObject) else { return }
    }
  }

  /// Leaves what ends here. True when another value has to follow.
  @inline(__always) private mutating func close(_ open: inout Int, _ isObject: inout UInt64) throws(Failure) -> Bool {
    while open > 0 {
      skipSpace()
      let object = isObject & 1 == 1
      if take(UInt8(ascii: ",")) {
        skipSpace()
        if object { try memberName() }
        return true
      }
      guard take(object ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
        throw object ? Failure("',' or '}' is expected") : Failure("',' or ']' is expected")
      }
      open -= 1
      isObject >>= 1
    }
    return false
  }

  @inline(__always) mutating func memberName() throws(Failure) {
    guard next == UInt8(ascii: "\"") else { throw Failure("a member's name in double quotes is expected") }
    try string()
    skipSpace()
    guard take(UInt8(ascii: ":")) else { throw Failure("':' is expected") }
    skipSpace()
  }

  private mutating func literal(_ word: StaticString) throws(Failure) {
    for index in 0..<word.utf8CodeUnitCount {
      guard take(word.utf8Start[index]) else { throw Failure("a value is expected: is it true, false or null?") }
    }
  }
}
