import CLinux

/// Words of 1, 2, 4 or 8 bytes at multiples of their width, in the low bits of 64: atomic and sequentially consistent, for
/// local programs too.
extension SharedMemory {
  func load(_ offset: Int, width: Int) throws(CoreError) -> UInt64 {
    let mapping = mapping(offset, width)
    var value: UInt64 = 0
    guard clinux_shared_load(mapping, offset, width, &value) else { throw Self.truncated }
    return value
  }

  func store(_ value: UInt64, at offset: Int, width: Int) throws(CoreError) {
    let mapping = mapping(offset, width)
    guard clinux_shared_store(mapping, offset, width, value) else { throw Self.truncated }
  }

  /// Adds modulo the word, and returns what was there.
  func add(_ delta: UInt64, at offset: Int, width: Int) throws(CoreError) -> UInt64 {
    let mapping = mapping(offset, width)
    var before: UInt64 = 0
    guard clinux_shared_add(mapping, offset, width, delta, &before) else { throw Self.truncated }
    return before
  }

  /// Stores `desired` if `expected` is there, and returns what was there.
  func compareExchange(
    _ expected: UInt64, _ desired: UInt64, at offset: Int, width: Int
  ) throws(CoreError) -> UInt64 {
    let mapping = mapping(offset, width)
    var found = expected
    guard clinux_shared_compare_exchange(mapping, offset, width, &found, desired) else { throw Self.truncated }
    return found
  }

  private func mapping(_ offset: Int, _ width: Int) -> OpaquePointer {
    guard let mapping, offset >= 0, offset <= byteCount - width else { preconditionFailure("outside of the memory") }
    return mapping
  }
}

/// Runs of bytes, copied from the first to the last: no item is seen half written, but some may be seen without the next.
extension SharedMemory {
  /// Copies as many bytes as the buffer has, from `offset`. They must be there.
  public func read(_ offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CoreError) {
    precondition(offset >= 0 && offset <= byteCount - buffer.count)
    guard let mapping, let start = buffer.baseAddress, buffer.count > 0 else { return }
    try checkWhole()
    guard clinux_shared_read(mapping, offset, start, buffer.count) else { throw Self.truncated }
  }

  /// Copies all of the buffer to `offset`, where there must be room for it.
  public func write(_ offset: Int, from buffer: UnsafeRawBufferPointer) throws(CoreError) {
    precondition(offset >= 0 && offset <= byteCount - buffer.count)
    guard let mapping, let start = buffer.baseAddress, buffer.count > 0 else { return }
    try checkWhole()
    guard clinux_shared_write(mapping, offset, start, buffer.count) else { throw Self.truncated }
  }
}
