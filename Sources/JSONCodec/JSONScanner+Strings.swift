extension JSONScanner {
  mutating func string() throws(Failure) {
    at += 1
    while true {
      skipPlain()
      switch next {
      case UInt8(ascii: "\""):
        at += 1
        return
      case UInt8(ascii: "\\"): try escape()
      case 0x80...: try sequence()
      case ..<0x20: throw Failure("a control character in a string has to be escaped")
      default: at += 1
      }
    }
  }

  /// Passes eight bytes at once while they need no look: ASCII, no control character, no quote, no backslash.
  @inline(__always) private mutating func skipPlain() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops = ones << 7
    while end - at >= 8 {
      let word = UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
      let quote = word ^ ones &* 0x22
      let backslash = word ^ ones &* 0x5C
      // A borrow may mark bytes above the first that is below its subtrahend, so only the lowest mark is sure to be right.
      let hits = (word | (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones)) & tops
      guard hits == 0 else {
        at += hits.trailingZeroBitCount >> 3
        return
      }
      at += 8
    }
  }

  private mutating func escape() throws(Failure) {
    at += 1
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      at += 1
    case UInt8(ascii: "u"):
      let start = at
      let unit = try codeUnit()
      guard unit & 0xF800 == 0xD800 else { return }
      if unit < 0xDC00, take(UInt8(ascii: "\\")), next == UInt8(ascii: "u"), try codeUnit() & 0xFC00 == 0xDC00 {
        return
      }
      at = start
      throw Failure("half a surrogate pair stands for no character")
    default: throw Failure("no such escape")
    }
  }

  private mutating func codeUnit() throws(Failure) -> UInt16 {
    at += 1
    var unit: UInt16 = 0
    for _ in 0..<4 {
      let byte = next
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): unit = unit << 4 | UInt16(byte & 0xF)
      case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
        unit = unit << 4 | UInt16(byte & 0xF + 9)
      default: throw Failure("four hexadecimal digits are expected")
      }
      at += 1
    }
    return unit
  }

  /// A character of two to four bytes: table 3-7 of the Unicode standard, which leaves no room for overlong forms and
  /// surrogates.
  private mutating func sequence() throws(Failure) {
    let lead = next
    let second: ClosedRange<UInt8>
    let count: Int
    switch lead {
    case 0xC2...0xDF: (second, count) = (0x80...0xBF, 2)
    case 0xE0: (second, count) = (0xA0...0xBF, 3)
    case 0xED: (second, count) = (0x80...0x9F, 3)
    case 0xE1...0xEF: (second, count) = (0x80...0xBF, 3)
    case 0xF0: (second, count) = (0x90...0xBF, 4)
    case 0xF1...0xF3: (second, count) = (0x80...0xBF, 4)
    case 0xF4: (second, count) = (0x80...0x8F, 4)
    default: throw Failure("this is not UTF-8")
    }
    at += 1
    guard second.contains(next) else { throw Failure("this is not UTF-8") }
    at += 1
    for _ in 2..<count {
      guard next & 0xC0 == 0x80 else { throw Failure("this is not UTF-8") }
      at += 1
    }
  }
}
