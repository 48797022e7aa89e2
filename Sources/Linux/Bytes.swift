import Glibc

/// A run of bytes at a fixed address: a request's body, a response's body, a message.
///
/// Its maker fills it before sharing it and nobody writes to it afterwards, so that it may be read on any thread and
/// lent to C without a copy.
public final class Bytes: @unchecked Sendable {
  // Sendable: written only before it is shared.
  public let start: UnsafeMutableRawPointer
  public private(set) var count: Int

  public static let empty = Bytes(count: 0)

  /// Uninitialised memory. The kernel gives its pages only as they are written.
  public init(count: Int) {
    guard let start = malloc(Swift.max(count, 1)) else { preconditionFailure("no address space for \(count) bytes") }
    self.start = start
    self.count = count
  }

  /// Takes over memory that came from `malloc`.
  public init(adopting start: UnsafeMutableRawPointer, count: Int) {
    self.start = start
    self.count = count
  }

  public convenience init(copying source: UnsafeRawBufferPointer) {
    self.init(count: source.count)
    if let base = source.baseAddress { start.copyMemory(from: base, byteCount: source.count) }
  }

  public convenience init(_ text: String) {
    let utf8 = Array(text.utf8)
    self.init(count: utf8.count)
    utf8.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress { start.copyMemory(from: base, byteCount: bytes.count) }
    }
  }

  deinit { free(start) }

  /// The bytes where they are: valid for as long as somebody holds this object, which a temporary is not held after this.
  public var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
  public var mutableBuffer: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: count) }

  /// Lets go of the bytes from `count` on; before it is shared.
  public func truncate(to count: Int) {
    precondition(count <= self.count)
    self.count = count
  }

  /// The bytes as text; what is not UTF-8 is replaced.
  public var text: String { String(decoding: buffer, as: UTF8.self) }
}
