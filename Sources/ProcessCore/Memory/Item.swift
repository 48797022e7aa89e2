/// An array's item, or what is to become one.
public enum Item: Equatable, Sendable {
  case integer(Int64)
  /// An integer beyond `Int64`.
  case unsigned(UInt64)
  case double(Double)
  /// By its Latin-1 number.
  case character(UInt8)

  public init(_ value: UInt64) {
    if let signed = Int64(exactly: value) { self = .integer(signed) } else { self = .unsigned(value) }
  }

  /// The character that is all of `text`; nil when there are more or fewer, or it is not in Latin-1.
  public init?(character text: String) {
    let scalars = text.unicodeScalars
    guard let only = scalars.first, scalars.count == 1, let byte = UInt8(exactly: only.value) else { return nil }
    self = .character(byte)
  }
}
