import Glibc

/// A run of bytes at a fixed address: a request's body, a response's body, a message.
///
/// Its maker fills it before sharing it and nobody writes to it afterwards, so that it may be read on any thread and
/// lent to C without a copy.
public final class Bytes: @unchecked Sendable {
  // Sendable: written only before it is shared, or by its last holder.
  public let start: UnsafeMutableRawPointer
  public private(set) var count: Int
  private var ownsMemory = true

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

  deinit { if ownsMemory { free(start) } }

  /// The bytes where they are: valid for as long as somebody holds this object, which a temporary is not held after this.
  public var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
  public var mutableBuffer: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: count) }

  /// Lets go of the bytes from `count` on; before it is shared.
  public func truncate(to count: Int) {
    precondition(count <= self.count)
    self.count = count
  }

  /// The memory of bytes that nobody else holds, without the object around it: `count` bytes from `malloc`, which the caller
  /// frees or gives to `init(adopting:count:)`. Nil when somebody else holds them; then they are as they were.
  public static func relinquish(_ bytes: inout Bytes) -> UnsafeMutableRawPointer? {
    guard isKnownUniquelyReferenced(&bytes) else { return nil }
    bytes.ownsMemory = false
    return bytes.start
  }

  /// The bytes as text; what is not UTF-8 is replaced.
  public var text: String { String(decoding: buffer, as: UTF8.self) }
}
