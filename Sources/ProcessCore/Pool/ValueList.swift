public import Linux

/// The values of a map, as JSON texts in the order of its items; `null` for those that failed.
public final class ValueList: Sendable {
  /// What is kept while the results come, in any order, chunk by chunk.
  struct Builder {
    private let chunk: Int
    private var arena: [UInt8] = []
    /// The text of each chunk: its values, with commas between them.
    private var places: [(start: Int, count: Int)]

    /// Of `count` items, in chunks of `chunk`.
    init(count: Int, chunk: Int) {
      self.chunk = chunk
      places = Array(repeating: (0, 0), count: count == 0 ? 0 : (count - 1) / chunk + 1)
    }

    /// The text of the chunk that begins with the item `first`.
    mutating func set(_ first: Int, _ values: UnsafeRawBufferPointer) {
      places[first / chunk] = (arena.count, values.count)
      arena.append(contentsOf: values)
    }

    /// As `set`, of values that stand apart; nil for one that failed.
    mutating func set<V: Collection<UnsafeRawBufferPointer?>>(_ first: Int, each values: V) {
      let start = arena.count
      for value in values {
        if arena.count > start { arena.append(UInt8(ascii: ",")) }
        if let value { arena.append(contentsOf: value) } else { arena.append(contentsOf: "null".utf8) }
      }
      places[first / chunk] = (start, arena.count - start)
    }

    func finish() -> ValueList { ValueList(arena, places) }
  }

  private let arena: [UInt8]
  private let places: [(start: Int, count: Int)]

  private init(_ arena: [UInt8], _ places: [(start: Int, count: Int)]) {
    self.arena = arena
    self.places = places
  }

  /// `[v, v, …]` between `prefix` and `suffix`.
  public func joined(prefix: StaticString, suffix: [UInt8]) -> Bytes {
    let size = places.reduce(0) { $0 + $1.count + 1 } + prefix.utf8CodeUnitCount + suffix.count + 2
    let bytes = Bytes(count: size)
    var at = 0
    func put(_ source: UnsafeRawBufferPointer) {
      bytes.mutableBuffer[at...].copyBytes(from: source)
      at += source.count
    }
    func put(byte: Unicode.Scalar) {
      bytes.mutableBuffer[at] = UInt8(ascii: byte)
      at += 1
    }
    put(UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
    put(byte: "[")
    arena.withUnsafeBytes { arena in
      for (index, place) in places.enumerated() {
        if index > 0 { put(byte: ",") }
        put(UnsafeRawBufferPointer(rebasing: arena[place.start..<place.start + place.count]))
      }
    }
    put(byte: "]")
    suffix.withUnsafeBytes { put($0) }
    bytes.truncate(to: at)
    return bytes
  }
}
