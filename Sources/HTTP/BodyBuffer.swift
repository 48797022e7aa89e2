import Glibc
import Linux

/// A request's body as it comes in: allocated once when its length is known, else doubled as it grows.
struct BodyBuffer: ~Copyable {
  private var start: UnsafeMutableRawPointer?
  private var capacity: Int
  private(set) var count = 0
  /// What Content-Length promised; nil for a chunked body.
  private let expected: Int?
  private let limit: Int

  init(expected: Int?, limit: Int) {
    self.expected = expected
    self.limit = limit
    capacity = expected ?? 4096
    start = malloc(Swift.max(capacity, 1))
  }

  deinit { free(start) }

  var isComplete: Bool { expected.map { $0 == count } ?? true }

  /// False when there is no room: the body is longer than promised or allowed, or memory is out.
  mutating func append(_ data: UnsafeRawPointer, _ size: Int) -> Bool {
    guard size <= limit - count else { return false }
    if count + size > capacity {
      guard expected == nil else { return false }
      capacity = Swift.min(limit, Swift.max(capacity * 2, count + size))
      guard let grown = realloc(start, capacity) else { return false }
      start = grown
    }
    guard let start else { return false }
    (start + count).copyMemory(from: data, byteCount: size)
    count += size
    return true
  }

  consuming func finish() -> Bytes {
    guard let start, count > 0 else { return .empty }
    self.start = nil
    // Somebody may keep it for long.
    let fitted = count < capacity ? realloc(start, count) : start
    return Bytes(adopting: fitted ?? start, count: count)
  }
}
