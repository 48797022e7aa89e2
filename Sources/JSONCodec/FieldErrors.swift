/// A part of a document that does not hold what it should.
public struct FieldError: Hashable, Sendable {
  /// A JSON pointer (RFC 6901): empty for the document itself, `/command/0` for an element of a member.
  public let pointer: String
  /// For people, without a subject: "must be a string".
  public let detail: String

  public init(_ pointer: String, _ detail: String) {
    self.pointer = pointer
    self.detail = detail
  }
}

/// Everything that is wrong with a document, up to `limit`.
public struct FieldErrors: Error, Hashable, Sendable {
  /// What is found beyond is dropped, so that a small hostile document is not answered with a large one.
  public static let limit = 64

  public private(set) var all: [FieldError] = []

  mutating func append(_ error: FieldError) {
    if all.count < Self.limit { all.append(error) }
  }
}

extension String {
  /// The pointer to a member of what this one points to.
  func pointer(to name: String) -> String {
    guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else {
      return "\(self)/\(name)"
    }
    var pointer = "\(self)/"
    for character in name.unicodeScalars {
      switch character {
      case "~": pointer += "~0"
      case "/": pointer += "~1"
      default: pointer.unicodeScalars.append(character)
      }
    }
    return pointer
  }
}
