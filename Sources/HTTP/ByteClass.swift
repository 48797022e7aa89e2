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

  /// Equality with ASCII text in lower case, whatever the case here.
  func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
    guard count == lowercase.utf8CodeUnitCount else { return false }
    for index in 0..<count where self[index] != lowercase.utf8Start[index] {
      guard self[index] &- 0x41 < 26, self[index] | 0x20 == lowercase.utf8Start[index] else { return false }
    }
    return true
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
