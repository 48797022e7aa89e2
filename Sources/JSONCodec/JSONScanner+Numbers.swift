extension JSONScanner {
  /// Any number of digits: what they are worth is the reader's affair.
  mutating func number() throws(Failure) {
    _ = take(UInt8(ascii: "-"))
    if take(UInt8(ascii: "0")) {
      if isDigit(next) { throw Failure("a number may not start with 0") }
    } else {
      try digits()
    }
    if take(UInt8(ascii: ".")) { try digits() }
    if next | 0x20 == UInt8(ascii: "e") {
      at += 1
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
  }

  @inline(__always) private mutating func digits() throws(Failure) {
    guard isDigit(next) else { throw Failure("a digit is expected") }
    repeat { at += 1 } while isDigit(next)
  }

  @inline(__always) private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}
