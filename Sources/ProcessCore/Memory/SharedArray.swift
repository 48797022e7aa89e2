import Linux

/// Items of one type in shared memory: what `multiprocessing.Array` is without its lock and, with one item, `Value`.
///
/// An index counts from the end when it is negative, and throws `.noSuchIndex` when no item is there. Reads, writes and
/// the atomic operations on one item are atomic for all that have the memory mapped, a local program's instructions too.
public struct SharedArray: Sendable {
  public let code: TypeCode
  public let count: Int
  public let memory: SharedMemory

  /// `count` zeros. Throws under `/length` for a count that is negative or beyond all memory.
  public init(_ code: TypeCode, count: Int, in space: SharedSpace) throws(CoreError) {
    let (byteCount, isTooLarge) = count.multipliedReportingOverflow(by: code.size)
    guard count >= 0 else { throw CoreError(.invalid(pointer: "/length"), "must not be negative") }
    guard !isTooLarge else { throw CoreError(.invalid(pointer: "/length"), "is more than memory can be") }
    self.code = code
    self.count = count
    memory = try space.allocate(byteCount)
  }

  public init(_ items: Items, in space: SharedSpace) throws(CoreError) {
    try self.init(items.code, count: items.count, in: space)
    try memory.write(0, from: items.bytes.buffer)
  }

  public func get(_ index: Int) throws(CoreError) -> Item {
    code.item(of: try memory.load(offset(of: index), width: code.size))
  }

  /// Throws under `pointer` for an item of another kind.
  public func set(_ index: Int, to item: Item, pointer: String = "/value") throws(CoreError) {
    try memory.store(bits(of: item, pointer), at: offset(of: index), width: code.size)
  }

  func offset(of index: Int) throws(CoreError) -> Int {
    let place = index < 0 ? index + count : index
    guard (0..<count).contains(place) else {
      throw CoreError(.noSuchIndex, "there is no item \(index) in an array of \(count)")
    }
    return place * code.size
  }

  func bits(of item: Item, _ pointer: String) throws(CoreError) -> UInt64 {
    guard let bits = code.bits(of: item) else { throw CoreError(.invalid(pointer: pointer), code.rule) }
    return bits
  }
}
