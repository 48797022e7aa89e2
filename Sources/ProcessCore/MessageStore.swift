import DequeModule
import Glibc
import Linux

/// The messages of a queue, first in, first out; also in again at the head.
///
/// A million messages are a million small things, so each is three words beside its payload: a payload lies in the memory
/// that its request was read into, without an object around it. The slots are in chunks, so that no message is ever moved
/// and growth takes no large step.
struct MessageStore: ~Copyable {
  fileprivate typealias Chunk = UnsafeMutablePointer<Slot>
  private static let chunkSize = 64

  private var chunks: Deque<Chunk> = []
  /// One that is not in use, so that a queue that goes to and fro over a chunk's edge need not make one each time.
  private var spare: Chunk?
  /// The place of the first message in the first chunk.
  private var head = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  deinit {
    for place in head..<head + count { _ = (chunks[place / Self.chunkSize] + place % Self.chunkSize).move().message() }
    for chunk in chunks { chunk.deallocate() }
    spare?.deallocate()
  }

  mutating func append(_ message: consuming Message) {
    let end = head + count
    if end == chunks.count * Self.chunkSize { chunks.append(freshChunk()) }
    (chunks[end / Self.chunkSize] + end % Self.chunkSize).initialize(to: Slot(consume message))
    count += 1
  }

  mutating func prepend(_ message: consuming Message) {
    if count == 0 { return append(message) }
    if head == 0 {
      chunks.prepend(freshChunk())
      head = Self.chunkSize
    }
    head -= 1
    (chunks[0] + head).initialize(to: Slot(consume message))
    count += 1
  }

  mutating func popFirst() -> Message? {
    guard count > 0 else { return nil }
    let message = (chunks[0] + head).move().message()
    head += 1
    count -= 1
    if count == 0 { head = 0 }
    if head == Self.chunkSize {
      head = 0
      retire(chunks.removeFirst())
    }
    return message
  }

  /// The message at the head, which stays there. From then on it is an object, for all who look at it to share.
  mutating func first() -> Message? {
    guard let message = popFirst() else { return nil }
    prepend(message)
    return message
  }

  /// The size of the next message.
  var nextSize: Int? { count > 0 ? chunks[0][head].size : nil }

  /// The size of the next message if it can be a line of application/x-ndjson.
  var nextLine: Int? { count > 0 ? chunks[0][head].line : nil }

  private mutating func freshChunk() -> Chunk { spare.take() ?? .allocate(capacity: Self.chunkSize) }

  private mutating func retire(_ chunk: Chunk) {
    if spare == nil { spare = chunk } else { chunk.deallocate() }
  }
}

/// A message in three words. It owns what it points to: whoever moves it out takes that over.
private struct Slot {
  /// The payload's memory, or where `isObject` the `Bytes`; nil for no bytes.
  private let payload: UnsafeMutableRawPointer?
  /// From the lowest bit: 40 for the payload's size, 1 for `isObject`, 23 for the deliveries.
  private let numbers: UInt64
  private let type: Unmanaged<ContentType>

  var size: Int { Int(numbers & (1 << 40 - 1)) }
  private var isObject: Bool { numbers >> 40 & 1 == 1 }

  init(_ message: consuming Message) {
    let deliveries = UInt64(min(message.deliveries, 1 << 23 - 1))
    type = .passRetained(message.type)
    precondition(message.bytes.count < 1 << 40)
    let size = UInt64(message.bytes.count)
    if size == 0 {
      payload = nil
      numbers = deliveries << 41
    } else if let memory = Bytes.relinquish(&message.bytes) {
      payload = memory
      numbers = deliveries << 41 | size
    } else {
      payload = Unmanaged.passRetained(message.bytes).toOpaque()
      numbers = deliveries << 41 | 1 << 40 | size
    }
  }

  func message() -> Message {
    let bytes: Bytes
    if let payload {
      bytes =
        isObject ? Unmanaged<Bytes>.fromOpaque(payload).takeRetainedValue() : Bytes(adopting: payload, count: size)
    } else {
      bytes = .empty
    }
    return Message(bytes, type.takeRetainedValue(), deliveries: Int(numbers >> 41))
  }

  var line: Int? {
    guard type._withUnsafeGuaranteedRef({ $0.form }) == .json, let payload else { return nil }
    let start = isObject ? Unmanaged<Bytes>.fromOpaque(payload)._withUnsafeGuaranteedRef { $0.start } : payload
    return memchr(start, 0x0A, size) == nil && memchr(start, 0x0D, size) == nil ? size : nil
  }
}
