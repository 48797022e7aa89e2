import Glibc

/// The character classes of RFC 9110 and RFC 3986, on single bytes.
enum ByteClass {
  /// tchar: what a field name is made of.
  @inline(__always) static func isToken(_ byte: UInt8) -> Bool {
    inSet(byte, 0x03ff_6cfa_0000_0000, 0x57ff_ffff_c7ff_fffe)
  }

  /// What a path of ours is made of: `[A-Za-z0-9._~/-]`.
  @inline(__always) static func isPath(_ byte: UInt8) -> Bool {
    inSet(byte, 0x03ff_e000_0000_0000, 0x47ff_fffe_87ff_fffe)
  }

  /// Control bytes, but for the tab.
  @inline(__always) static func isControl(_ byte: UInt8) -> Bool { (byte < 0x20 && byte != 9) || byte == 0x7f }

  /// Whether any byte `isControl`. It looks at eight at once: every field of every request goes through it.
  static func hasControl(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let spaces: UInt64 = 0x2020_2020_2020_2020
    let deletes: UInt64 = 0x7f7f_7f7f_7f7f_7f7f
    let highBits: UInt64 = 0x8080_8080_8080_8080
    var index = 0
    while index + 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      let others = word ^ deletes
      // Zero unless a byte is below 0x20, or 0x7f; the tab is below it too.
      let suspects = (((word &- spaces) & ~word) | ((others &- ones) & ~others)) & highBits
      if suspects != 0, bytes[index..<index + 8].contains(where: isControl) { return true }
      index += 8
    }
    return bytes[index...].contains(where: isControl)
  }

  @inline(__always) static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  @inline(__always) static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }

  /// Membership in a set of ASCII, given as one bit for each of 0-63 and 64-127.
  @inline(__always) private static func inSet(_ byte: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
    byte < 64 ? low >> UInt64(byte) & 1 == 1 : byte < 128 && high >> UInt64(byte &- 64) & 1 == 1
  }
}

extension UnsafeRawBufferPointer {
  /// Equality with ASCII text.
  @inline(__always) func equals(_ text: StaticString) -> Bool {
    equals(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Equality with letters in lower case and hyphens, whatever the case here: eight bytes at once.
  func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
    guard count == lowercase.utf8CodeUnitCount else { return false }
    let text = UnsafeRawBufferPointer(start: lowercase.utf8Start, count: count)
    var index = 0
    while index + 8 <= count {
      guard isSame(UInt64.self, text, at: index) else { return false }
      index += 8
    }
    // The last of a long name overlap those before.
    if index < count, count >= 8 { return isSame(UInt64.self, text, at: count - 8) }
    while index < count {
      guard isSame(UInt8.self, text, at: index) else { return false }
      index += 1
    }
    return true
  }

  /// Bit 5 makes the case of a letter; a byte of `text` that has bit 6 is one.
  @inline(__always) private func isSame<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, _ text: UnsafeRawBufferPointer, at index: Int
  ) -> Bool {
    let expected = text.loadUnaligned(fromByteOffset: index, as: Word.self)
    let letters = expected & Word(truncatingIfNeeded: 0x4040_4040_4040_4040 as UInt64)
    return loadUnaligned(fromByteOffset: index, as: Word.self) | letters >> 1 == expected
  }

  @inline(__always) func equals(_ other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count, let a = baseAddress, let b = other.baseAddress else { return count == other.count }
    return memcmp(a, b, count) == 0
  }

  @inline(__always) func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: self[range])
  }

  var text: String { String(decoding: self, as: UTF8.self) }
}
