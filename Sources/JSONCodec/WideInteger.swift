/// An integer that 64 bits with a sign do not hold, which jansson refuses: whoever wants it reads it as a string with a mark.
public enum WideInteger {
  // A character that no text of a document of ours begins with, but for one that is nothing else.
  private static let mark: StaticString = "\\u0000"

  /// The digits, with their sign, in what was read as a string; nil when that is a string.
  public static func digits(in text: String) -> Substring? {
    guard text.utf8.first == 0, text.utf8.count > 1 else { return nil }
    return text.dropFirst()
  }

  /// What the digits are in two's complement, the upper bits cut off: as ctypes makes an integer of any size fit.
  public static func wrapped(_ digits: Substring) -> UInt64? {
    let isNegative = digits.utf8.first == UInt8(ascii: "-")
    var value: UInt64 = 0
    for digit in digits.utf8.dropFirst(isNegative ? 1 : 0) {
      guard digit &- 0x30 < 10 else { return nil }
      value = value &* 10 &+ UInt64(digit &- 0x30)
    }
    return isNegative ? 0 &- value : value
  }

  /// The document, which is valid, with each of them as such a string; nil when there is none.
  static func marked(in bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    guard let base = bytes.baseAddress else { return nil }
    var scanner = JSONScanner(at: base, end: base + bytes.count)
    var output: [UInt8] = []
    var copied = 0
    while scanner.at < scanner.end {
      let start = scanner.at - base
      switch scanner.next {
      case UInt8(ascii: "\""): try? scanner.string()
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        try? scanner.number()
        let number = UnsafeRawBufferPointer(rebasing: bytes[start..<scanner.at - base])
        guard isWide(number) else { continue }
        output += bytes[copied..<start]
        output.append(UInt8(ascii: "\""))
        mark.withUTF8Buffer { output += $0 }
        output += number
        output.append(UInt8(ascii: "\""))
        copied = scanner.at - base
      default: scanner.at += 1
      }
    }
    return copied == 0 ? nil : output + bytes[copied...]
  }

  private static func isWide(_ number: UnsafeRawBufferPointer) -> Bool {
    number.count >= 19 && number.allSatisfy { $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") }
      && Int64(String(decoding: number, as: UTF8.self)) == nil
  }
}
