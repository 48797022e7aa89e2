import Linux

/// A head that was let in; at first none is.
struct KnownHead {
  private var bytes = Bytes.empty
  private var hash: UInt64 = 0
  /// `Tokens.changes` before it was judged.
  private var changes: UInt64 = 0
  private var origin = Connection.Origin.network

  init() {}

  init(_ bytes: Bytes, _ hash: UInt64, _ changes: UInt64, _ origin: Connection.Origin) {
    self.bytes = bytes
    self.hash = hash
    self.changes = changes
    self.origin = origin
  }

  /// By its address, so that nothing of it is copied. Bytes are compared only where the hash of all is the same, so that the
  /// time that it takes tells nothing of a token.
  static func isSame(
    _ known: UnsafePointer<KnownHead>, _ head: UnsafeRawBufferPointer, _ hash: UInt64, _ changes: UInt64,
    _ origin: Connection.Origin
  ) -> Bool {
    known.pointee.hash == hash && known.pointee.changes == changes && known.pointee.origin == origin
      && known.pointee.bytes.buffer.equals(head)
  }

  /// Whether it is what `received` begins with. All of its bytes are compared, whatever they are, so that the time that it
  /// takes tells nothing of a token that somebody else sent on the same connection.
  static func isBegin(
    _ known: UnsafePointer<KnownHead>, of received: UnsafeRawBufferPointer, _ changes: UInt64,
    _ origin: Connection.Origin
  ) -> Bool {
    let count = known.pointee.bytes.count
    guard count >= 16, count <= received.count, known.pointee.changes == changes, known.pointee.origin == origin else {
      return false
    }
    let head = UnsafeRawPointer(known.pointee.bytes.start)
    guard let start = received.baseAddress else { return false }
    var difference = SIMD2<UInt64>()
    func add(at index: Int) {
      difference |=
        head.loadUnaligned(fromByteOffset: index, as: SIMD2<UInt64>.self)
        ^ start.loadUnaligned(fromByteOffset: index, as: SIMD2<UInt64>.self)
    }
    var index = 0
    while index + 16 <= count {
      add(at: index)
      index += 16
    }
    add(at: count - 16)
    return difference[0] | difference[1] == 0
  }
}

/// Where the two heads are that came last on a connection: clients say the same again, or two things in turn.
struct RecentHeads {
  private var places: (UInt8, UInt8) = (0, 0)

  var beforeLast: Int { Int(places.0) }
  var last: Int { Int(places.1) }

  mutating func note(_ place: Int) { places = (places.1, UInt8(truncatingIfNeeded: place)) }
}
