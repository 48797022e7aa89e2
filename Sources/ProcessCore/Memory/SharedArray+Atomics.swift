extension SharedArray {
  /// Adds to an item, as `+=` under the lock does in Python, and returns what it was and what it became. Integers wrap; a
  /// `float` is added to as a double and rounded once.
  public func add(
    _ index: Int, _ delta: Item, pointer: String = "/value"
  ) throws(CoreError) -> (old: Item, new: Item) {
    let offset = try offset(of: index)
    let bits = try bits(of: delta, pointer)
    switch code {
    case .char: throw CoreError(.invalid(pointer: pointer), "nothing can be added to a character")
    case .float, .double: return try addFloat(offset, delta)
    default:
      let before = try memory.add(bits, at: offset, width: code.size)
      return (code.item(of: before), code.item(of: before &+ bits))
    }
  }

  /// Sets an item to `desired` if it is `expected`, and returns whether it was, and what it was.
  ///
  /// Floating-point items are compared as numbers, and a NaN is the same as another.
  public func compareExchange(
    _ index: Int, expected: Item, desired: Item, expectedPointer: String = "/expected",
    desiredPointer: String = "/desired"
  ) throws(CoreError) -> (exchanged: Bool, old: Item) {
    let offset = try offset(of: index)
    var expectedBits = try bits(of: expected, expectedPointer)
    let desiredBits = try bits(of: desired, desiredPointer)
    let wanted = code.item(of: expectedBits)
    while true {
      let found = try memory.compareExchange(expectedBits, desiredBits, at: offset, width: code.size)
      let old = code.item(of: found)
      if found == expectedBits { return (true, old) }
      // The same number may have other bits: -0.0, or another NaN.
      guard code.isFloatingPoint, Self.isSame(wanted, old) else { return (false, old) }
      expectedBits = found
    }
  }

  private static func isSame(_ a: Item, _ b: Item) -> Bool {
    guard case .double(let a) = a, case .double(let b) = b else { return false }
    return a == b || (a.isNaN && b.isNaN)
  }

  private func addFloat(_ offset: Int, _ delta: Item) throws(CoreError) -> (old: Item, new: Item) {
    var found = try memory.load(offset, width: code.size)
    while true {
      let sum = Item.double(code.item(of: found).number + delta.number)
      guard let bits = code.bits(of: sum) else { preconditionFailure("\(code) takes every number") }
      let before = try memory.compareExchange(found, bits, at: offset, width: code.size)
      if before == found { return (code.item(of: before), code.item(of: bits)) }
      found = before
    }
  }
}

extension Item {
  /// What it adds to a floating-point number.
  fileprivate var number: Double {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .double(let value): value
    case .character: .nan
    }
  }
}
