import CJansson

/// Members that may be of several types.
extension Fields {
  public enum Kind: Hashable, Sendable {
    case absent, null, bool, integer, real, string, array, object
  }

  /// What a member is, so that `"pipe"` can be told from `{"text": …}` before one of them is read. Looking at it does
  /// not make the member known.
  public func kind(_ name: String) -> Kind { peek(name).map(Kind.init) ?? .absent }

  /// Whether the member is there and not null. It is known from then on.
  public func isGiven(_ name: String) -> Bool { value(name, required: false) != nil }

  /// Refuses members that are null: where it is the members that are there that say what an object is, null says nothing.
  public func rejectNull(_ names: String...) { rejectNull(names) }

  public func rejectNull(_ names: [String]) {
    for name in names where kind(name) == .null { fail(name, "must not be null") }
  }

  /// Whatever the member is, but for arrays and objects. Nil when it is absent; null is a value here.
  public func scalar(_ name: String, required: Bool = false) -> Scalar? {
    guard let raw = raw(name) else {
      _ = value(name, required: required)
      return nil
    }
    if let scalar = Scalar(raw) { return scalar }
    fail(name, "must not be an array or an object")
    return nil
  }

  public enum Scalar: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case real(Double)
    /// May contain NUL.
    case string(String)
  }
}

extension Fields.Kind {
  init(_ raw: Raw) {
    switch raw.type {
    case JSON_OBJECT: self = .object
    case JSON_ARRAY: self = .array
    case JSON_STRING: self = .string
    case JSON_INTEGER: self = .integer
    case JSON_REAL: self = .real
    case JSON_TRUE, JSON_FALSE: self = .bool
    default: self = .null
    }
  }
}

extension Fields.Scalar {
  init?(_ raw: Raw) {
    switch Fields.Kind(raw) {
    case .null, .absent: self = .null
    case .bool: self = .bool(raw.type == JSON_TRUE)
    case .integer: self = .integer(Int(json_integer_value(raw)))
    case .real: self = .real(json_real_value(raw))
    case .string: self = .string(raw.text)
    case .array, .object: return nil
    }
  }
}
