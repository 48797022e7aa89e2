import Linux

extension SharedArray {
  /// The items of a slice, each whole, though not all of one moment when others write meanwhile.
  public func get(_ slice: PythonSlice) throws(CoreError) -> Items {
    let indices = slice.indices(count)
    let items = Items(code, count: indices.count, bytes: Bytes(count: indices.count * code.size))
    if indices.step == 1 {
      try memory.read(indices.start * code.size, into: items.bytes.mutableBuffer)
    } else {
      try memory.checkWhole()
      for (position, index) in indices.enumerated() {
        items.set(try memory.load(index * code.size, width: code.size), at: position)
      }
    }
    return items
  }

  /// Sets the items of a slice, in its order. They must be as many, of the array's type; else nothing is written.
  public func set(_ slice: PythonSlice, to items: Items, pointer: String = "/values") throws(CoreError) {
    precondition(items.code == code)
    let indices = slice.indices(count)
    guard indices.count == items.count else {
      throw CoreError(
        .invalid(pointer: pointer),
        "can only assign a sequence of the same size: the slice has \(indices.count) items, not \(items.count)")
    }
    if indices.step == 1 {
      try memory.write(indices.start * code.size, from: items.bytes.buffer)
    } else {
      try memory.checkWhole()
      for (position, index) in indices.enumerated() {
        try memory.store(items.bits(at: position), at: index * code.size, width: code.size)
      }
    }
  }
}
