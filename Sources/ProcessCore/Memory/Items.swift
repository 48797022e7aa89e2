public import Linux

/// Items of one type in memory of their own: what a slice was read as, or is to become.
public struct Items: RandomAccessCollection, Sendable {
  public let code: TypeCode
  public let count: Int
  /// One after the other, as C has them.
  public let bytes: Bytes

  /// `bytes` must hold `count` items.
  init(_ code: TypeCode, count: Int, bytes: Bytes) {
    precondition(bytes.count == count * code.size)
    self.code = code
    self.count = count
    self.bytes = bytes
  }

  /// Throws for the first item that is not of that type; `pointer` names the list, as in `/values`.
  public init(_ code: TypeCode, _ items: [Item], pointer: String) throws(CoreError) {
    let bytes = Bytes(count: items.count * code.size)
    var place = bytes.start
    for (index, item) in items.enumerated() {
      guard let bits = code.bits(of: item) else { throw CoreError(.invalid(pointer: "\(pointer)/\(index)"), code.rule) }
      Self.store(bits, at: place, code.size)
      place += code.size
    }
    self.init(code, count: items.count, bytes: bytes)
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { count }

  public subscript(position: Int) -> Item {
    precondition((0..<count).contains(position))
    return code.item(of: bits(at: position))
  }

  func bits(at position: Int) -> UInt64 {
    let place = bytes.start + position * code.size
    return switch code.size {
    case 1: UInt64(place.load(as: UInt8.self))
    case 2: UInt64(place.loadUnaligned(as: UInt16.self))
    case 4: UInt64(place.loadUnaligned(as: UInt32.self))
    default: place.loadUnaligned(as: UInt64.self)
    }
  }

  func set(_ bits: UInt64, at position: Int) { Self.store(bits, at: bytes.start + position * code.size, code.size) }

  private static func store(_ bits: UInt64, at place: UnsafeMutableRawPointer, _ size: Int) {
    // Little-endian, as everything that Swift runs on: the low bytes come first.
    withUnsafeBytes(of: bits.littleEndian) { low in
      if let base = low.baseAddress { place.copyMemory(from: base, byteCount: size) }
    }
  }
}
