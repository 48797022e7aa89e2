/// What an array's items are: the codes of `multiprocessing.Array`, under ctypes' names, with C's sizes on 64-bit Linux.
public enum TypeCode: String, CaseIterable, Sendable {
  /// One byte, seen as the Latin-1 character of that number.
  case char = "c"
  case byte = "b"
  case ubyte = "B"
  case short = "h"
  case ushort = "H"
  case int = "i"
  case uint = "I"
  case long = "l"
  case ulong = "L"
  case longlong = "q"
  case ulonglong = "Q"
  case float = "f"
  case double = "d"

  /// In bytes: 1, 2, 4 or 8. Items lie at multiples of it.
  public var size: Int {
    switch self {
    case .char, .byte, .ubyte: 1
    case .short, .ushort: 2
    case .int, .uint, .float: 4
    case .long, .ulong, .longlong, .ulonglong, .double: 8
    }
  }

  /// What is said of an item of another kind, as ctypes' TypeError does.
  public var rule: String {
    switch self {
    case .char: "must be one character, U+0000 to U+00FF"
    case .float, .double: "must be a number"
    default: "must be an integer"
    }
  }

  var isFloatingPoint: Bool { self == .float || self == .double }

  /// An item's bytes in the low bits, with zeros above; nil when it is of another kind. As in ctypes an integer wraps, what
  /// is too large for a `float` is infinite there, and a `double` is no integer even if it is whole.
  func bits(of item: Item) -> UInt64? {
    switch (self, item) {
    case (.char, .character(let byte)): UInt64(byte)
    case (.float, .integer(let value)): UInt64(Float(Double(value)).bitPattern)
    case (.float, .unsigned(let value)): UInt64(Float(Double(value)).bitPattern)
    case (.float, .double(let value)): UInt64(Float(value).bitPattern)
    case (.double, .integer(let value)): Double(value).bitPattern
    case (.double, .unsigned(let value)): Double(value).bitPattern
    case (.double, .double(let value)): value.bitPattern
    case (.char, _), (.float, _), (.double, _): nil
    case (_, .integer(let value)): wrapped(UInt64(bitPattern: value))
    case (_, .unsigned(let value)): wrapped(value)
    case (_, .double), (_, .character): nil
    }
  }

  private func wrapped(_ value: UInt64) -> UInt64 { value & (.max >> UInt64(64 - 8 * size)) }

  /// The item in the low bits, whatever is in those above its size.
  func item(of bits: UInt64) -> Item {
    switch self {
    case .char: .character(UInt8(truncatingIfNeeded: bits))
    case .byte: .integer(Int64(Int8(truncatingIfNeeded: bits)))
    case .ubyte: .integer(Int64(UInt8(truncatingIfNeeded: bits)))
    case .short: .integer(Int64(Int16(truncatingIfNeeded: bits)))
    case .ushort: .integer(Int64(UInt16(truncatingIfNeeded: bits)))
    case .int: .integer(Int64(Int32(truncatingIfNeeded: bits)))
    case .uint: .integer(Int64(UInt32(truncatingIfNeeded: bits)))
    case .long, .longlong: .integer(Int64(bitPattern: bits))
    case .ulong, .ulonglong: Item(bits)
    case .float: .double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))))
    case .double: .double(Double(bitPattern: bits))
    }
  }
}
