import Glibc
import Linux

/// What the two ends of a worker's channel write: the lengths of head and body as 32 bits each, big-endian; the head; the
/// body.
struct Frame: Sendable {
  /// In the order in which they are written. Small ones are one piece.
  private(set) var pieces: [ByteSlice]

  /// Bodies up to this are copied: a piece of its own costs more.
  private static let copied = 16 << 10

  init(head: Bytes, body: [ByteSlice] = []) {
    let count = body.reduce(0) { $0 + $1.count }
    let isSmall = count <= Self.copied
    let start = Bytes(count: 8 + head.count + (isSmall ? count : 0))
    start.start.storeBytes(of: UInt32(head.count).bigEndian, as: UInt32.self)
    start.start.storeBytes(of: UInt32(count).bigEndian, toByteOffset: 4, as: UInt32.self)
    (start.start + 8).copyMemory(from: head.start, byteCount: head.count)
    if isSmall {
      var end = start.start + 8 + head.count
      for piece in body {
        end.copyMemory(from: piece.start, byteCount: piece.count)
        end += piece.count
      }
    }
    pieces = [ByteSlice(start)] + (isSmall ? [] : body)
  }
}

/// Puts frames together from the bytes that come.
struct FrameReader: ~Copyable {
  static let headLimit = 64 << 10
  /// The longest body; what is longer is read and dropped.
  let bodyLimit: Int
  /// The beginning of a frame.
  private var rest: [UInt8] = []
  /// A body that is longer than what is read at once, and how much of it has come.
  private var large: (head: [UInt8], body: Bytes, count: Int)?
  /// A body that is dropped, and how much is still to come.
  private var dropped: (head: [UInt8], left: Int)?

  enum Failure: Error {
    case headTooLong
  }

  init(bodyLimit: Int) { self.bodyLimit = bodyLimit }

  /// Where the next bytes may be read into directly.
  var destination: UnsafeMutableRawBufferPointer? {
    large.map { UnsafeMutableRawBufferPointer(rebasing: $0.body.mutableBuffer[$0.count...]) }
  }

  /// So many bytes were read into `destination`.
  mutating func filled(_ count: Int, _ take: (UnsafeRawBufferPointer, Bytes?) -> Void) {
    guard var frame = large.take() else { return }
    frame.count += count
    guard frame.count == frame.body.count else {
      large = frame
      return
    }
    frame.head.withUnsafeBytes { take($0, frame.body) }
  }

  /// Calls `take` with the head and the body of each frame that is whole; with no body when it was too long.
  mutating func feed(
    _ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer, Bytes?) -> Void
  ) throws(Failure) {
    if rest.isEmpty {
      let used = try parse(bytes, take)
      if used < bytes.count { rest = Array(bytes[used...]) }
    } else {
      var all = rest
      rest = []
      all += bytes
      let used = try all.withUnsafeBytes { all in Result { () throws(Failure) -> Int in try parse(all, take) } }.get()
      if used < all.count { rest = Array(all[used...]) }
    }
  }

  private mutating func parse(
    _ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer, Bytes?) -> Void
  ) throws(Failure) -> Int {
    var at = 0
    while true {
      at += drop(bytes[at...], take)
      guard bytes.count - at >= 8 else { return at }
      let headCount = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
      let bodyCount = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self)))
      guard headCount <= Self.headLimit else { throw Failure.headTooLong }
      guard bytes.count - at - 8 >= headCount else { return at }
      let head = UnsafeRawBufferPointer(rebasing: bytes[at + 8..<at + 8 + headCount])
      let start = at + 8 + headCount
      let there = min(bodyCount, bytes.count - start)
      if bodyCount > bodyLimit {
        dropped = (Array(head), bodyCount)
        at = start
      } else if there == bodyCount {
        take(head, Bytes(copying: UnsafeRawBufferPointer(rebasing: bytes[start..<start + bodyCount])))
        at = start + bodyCount
      } else if bodyCount < Self.headLimit {
        return at
      } else {
        let body = Bytes(count: bodyCount)
        body.mutableBuffer.copyBytes(from: bytes[start..<start + there])
        large = (Array(head), body, there)
        return bytes.count
      }
    }
  }

  private mutating func drop(_ bytes: Slice<UnsafeRawBufferPointer>, _ take: (UnsafeRawBufferPointer, Bytes?) -> Void)
    -> Int
  {
    guard let frame = dropped.take() else { return 0 }
    guard frame.left <= bytes.count else {
      dropped = (frame.head, frame.left - bytes.count)
      return bytes.count
    }
    frame.head.withUnsafeBytes { take($0, nil) }
    return frame.left
  }
}
