import CMicroHTTPDHooks
import Glibc
import Linux

/// The heads of requests that a loop has let in last: clients send the same few again and again, and the same bytes are decided
/// on in the same way.
///
/// What else a decision depends on is a part of `KnownHead`, or is looked at each time.
struct KnownHeads: ~Copyable {
  private static let count = 256
  /// Longer ones are rare, and judged each time.
  private static let longest = 1024

  private let places: UnsafeMutablePointer<KnownHead>
  /// What was decided on each.
  private let admissions: UnsafeMutablePointer<Admission>
  /// The head that was begun last.
  private let current: UnsafeMutablePointer<Current>
  private let copy: UnsafeMutableRawPointer
  private let seed = UInt64.random(in: .min ... .max)

  private struct Current {
    var socket: CInt = -1
    var start: UnsafeRawPointer?
    var place = 0
    var isKnown = false
    // Of one that is not known.
    var count = 0
    var hash: UInt64 = 0
    var changes: UInt64 = 0
  }

  init() {
    places = .allocate(capacity: Self.count)
    places.initialize(repeating: KnownHead(), count: Self.count)
    admissions = .allocate(capacity: Self.count)
    admissions.initialize(repeating: Admission(), count: Self.count)
    current = .allocate(capacity: 1)
    current.initialize(to: Current())
    copy = .allocate(byteCount: Self.longest, alignment: 16)
  }

  deinit {
    places.deinitialize(count: Self.count)
    places.deallocate()
    admissions.deinitialize(count: Self.count)
    admissions.deallocate()
    current.deinitialize(count: 1)
    current.deallocate()
    copy.deallocate()
  }

  /// The library has read the request line and edited it, always in the same way. The rest is still as it came, if it came
  /// with it.
  func begin(_ connection: Connection) {
    var start: UnsafeRawPointer?
    let received = cmhd_take_received(connection.fd, &start)
    current.pointee.socket = -1
    // Queries are edited, and mostly differ.
    guard received > 0, let start, !connection.request.targetHasQuery else { return }
    let changes = connection.loop.service.tokens.changes.load(ordering: .acquiring)
    if let place = recall(connection, UnsafeRawBufferPointer(start: start, count: received), changes) {
      current.pointee.isKnown = true
      current.pointee.place = place
    } else {
      guard let size = Self.headSize(start, Swift.min(received, Self.longest)) else { return }
      let head = UnsafeRawBufferPointer(start: start, count: size)
      let hash = hash(head)
      let place = Int(truncatingIfNeeded: hash) & (Self.count - 1)
      current.pointee.isKnown = KnownHead.isSame(places + place, head, hash, changes, connection.origin)
      current.pointee.place = place
      current.pointee.count = size
      current.pointee.hash = hash
      current.pointee.changes = changes
      if !current.pointee.isKnown { copy.copyMemory(from: start, byteCount: size) }
    }
    current.pointee.socket = connection.fd
    current.pointee.start = start
    connection.recentHeads.note(current.pointee.place)
  }

  /// Where the head is, if it is one of those that the client sent last: it need not be looked for then.
  private func recall(_ connection: Connection, _ received: UnsafeRawBufferPointer, _ changes: UInt64) -> Int? {
    func isThere(_ place: Int) -> Bool {
      KnownHead.isBegin(places + place, of: received, changes, connection.origin)
    }
    let recent = connection.recentHeads
    return isThere(recent.beforeLast) ? recent.beforeLast : isThere(recent.last) ? recent.last : nil
  }

  /// What was decided on the head that the library has at `start`, until another one is noted; nil when it is not known.
  func find(_ start: UnsafeRawPointer, of connection: Connection) -> UnsafePointer<Admission>? {
    guard isCurrent(start, connection), current.pointee.isKnown else { return nil }
    return UnsafePointer(admissions + current.pointee.place)
  }

  /// That the head at `start`, which is not known, was let in.
  func note(_ admission: Admission, for start: UnsafeRawPointer, _ count: Int, of connection: Connection) {
    guard isCurrent(start, connection), count == current.pointee.count else { return }
    let place = current.pointee.place
    places[place] = KnownHead(
      Bytes(copying: UnsafeRawBufferPointer(start: copy, count: count)), current.pointee.hash,
      current.pointee.changes, connection.origin)
    admissions[place] = admission
  }

  private func isCurrent(_ start: UnsafeRawPointer, _ connection: Connection) -> Bool {
    current.pointee.socket == connection.fd && current.pointee.start == start
  }

  /// Sixteen bytes at once; of a head, which has more. Seeded, so that nobody outside can tell what it comes to.
  private func hash(_ head: UnsafeRawBufferPointer) -> UInt64 {
    var hash = seed
    func add(at index: Int) {
      let first = head.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      let second = head.loadUnaligned(fromByteOffset: index + 8, as: UInt64.self)
      let (high, low) = (first ^ hash).multipliedFullWidth(by: second ^ 0x9e37_79b9_7f4a_7c15)
      hash = high ^ low
    }
    var index = 0
    while index + 16 <= head.count {
      add(at: index)
      index += 16
    }
    add(at: head.count - 16)
    return hash
  }

  /// How many bytes there are up to the empty line, and with it; nil when it is not there.
  private static func headSize(_ start: UnsafeRawPointer, _ count: Int) -> Int? {
    var index = 0
    while let end = memchr(start + index, 13, count - index) {
      index = UnsafeRawPointer(end) - start
      guard index + 4 <= count else { return nil }
      if UnsafeRawPointer(end).loadUnaligned(as: UInt32.self) == UInt32(littleEndian: 0x0a0d_0a0d) {
        return index + 4 < 16 ? nil : index + 4
      }
      index += 1
    }
    return nil
  }
}
