public import Linux

/// A part of bytes that others may hold other parts of.
public struct ByteSlice: Sendable {
  public let bytes: Bytes
  public let range: Range<Int>

  public init(_ bytes: Bytes, _ range: Range<Int>) {
    self.bytes = bytes
    self.range = range
  }

  public init(_ bytes: Bytes) { self.init(bytes, 0..<bytes.count) }

  public var count: Int { range.count }
  public var start: UnsafeRawPointer { UnsafeRawPointer(bytes.start + range.lowerBound) }

  /// Valid for as long as somebody holds the bytes.
  public var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

  public var text: String { String(decoding: buffer, as: UTF8.self) }
}
