/// A resource's name: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`, so that it can stand in a path, a file name and a log line as it is.
public struct Name: Hashable, Sendable, CustomStringConvertible {
  public let text: String

  /// nil when `text` is no name.
  public init?(_ text: String) {
    var text = text
    guard text.withUTF8({ Self.isName(UnsafeRawBufferPointer($0)) }) else { return nil }
    self.text = text
  }

  /// A name that no client can give.
  init(unchecked text: String) { self.text = text }

  public var description: String { text }

  public static let rule = "1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit"

  static func isName(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard (1...64).contains(bytes.count), isAlphanumeric(bytes[0]) else { return false }
    return bytes.allSatisfy {
      isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
