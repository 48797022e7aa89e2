import Glibc
import Linux

/// Cuts what a program writes into messages.
struct Framer {
  /// A line of more bytes comes in pieces, so that a program that never ends one takes no more memory than that.
  static let longestLine = 1 << 20

  private let framing: Framing
  private var bytes: [UInt8] = []
  /// Where the next message begins, and from where on a line feed is still to be looked for.
  private var start = 0
  private var unseen = 0
  /// Where the next message ends, and where the one after it begins.
  private var cut: (end: Int, next: Int)?

  init(_ framing: Framing) { self.framing = framing }

  mutating func append(_ more: UnsafeRawBufferPointer) {
    if start > 0 {
      bytes.removeFirst(start)
      unseen -= start
      start = 0
    }
    bytes.append(contentsOf: more)
  }

  /// The next message, which stays the next until `advance`; nil when there is none yet. At the end the rest is one.
  mutating func next(isAtEnd: Bool) -> Bytes? {
    if cut == nil { cut = find(isAtEnd) }
    guard let cut else { return nil }
    return bytes.withUnsafeBytes { Bytes(copying: UnsafeRawBufferPointer(rebasing: $0[start..<cut.end])) }
  }

  mutating func advance() {
    guard let next = cut?.next else { return }
    cut = nil
    start = next
    unseen = max(unseen, next)
    if start == bytes.count {
      bytes = []  // Most programs are silent most of the time, and then nothing is kept for them.
      start = 0
      unseen = 0
    }
  }

  private mutating func find(_ isAtEnd: Bool) -> (end: Int, next: Int)? {
    guard start < bytes.count else { return nil }
    guard framing == .lines else { return (bytes.count, bytes.count) }
    let limit = min(bytes.count, start + Self.longestLine)
    let feed = bytes.withUnsafeBytes { all -> Int? in
      guard let base = all.baseAddress, unseen < limit else { return nil }
      return memchr(base + unseen, 0x0A, limit - unseen).map { UnsafeRawPointer($0) - base }
    }
    if let feed { return (feed, feed + 1) }
    unseen = limit
    if limit == start + Self.longestLine || isAtEnd { return (limit, limit) }
    return nil
  }
}
