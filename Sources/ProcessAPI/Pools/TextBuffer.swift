import Glibc
import Linux

/// Text that is put together from pieces of UTF-8.
struct TextBuffer {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func append(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func append(_ text: UnsafeRawBufferPointer) { bytes.append(contentsOf: text) }

  mutating func append(_ number: Int) { append(String(number)) }

  func finish() -> Bytes { bytes.withUnsafeBytes { Bytes(copying: $0) } }
}

extension UnsafeRawBufferPointer {
  /// Where a byte is next; the end when it is not.
  func index(of byte: UInt8, from start: Int) -> Int {
    guard start < count, let base = baseAddress, let found = memchr(base + start, CInt(byte), count - start) else {
      return count
    }
    return UnsafeRawPointer(found) - base
  }
}
