import CJansson

/// A value under construction, for the documents that the service itself writes.
///
/// It owns what it holds: putting it into an object or array moves it there, so a tree is built and freed without
/// copies and cannot contain itself. Payloads are the caller's bytes and never pass through here.
public struct JSON: ~Copyable {
  let raw: Raw

  init(owning raw: Raw) { self.raw = raw }

  deinit { json_decref(raw) }

  /// Gives the reference away instead of dropping it.
  consuming func release() -> Raw {
    let raw = raw
    discard self
    return raw
  }

  /// Seeds the hash of objects against crafted collisions; to be called once, before other threads start.
  public static func seed() { json_object_seed(0) }

  /// jansson's.
  public static var libraryVersion: String { String(cString: jansson_version_str()) }

  public static func object() -> JSON { JSON(owning: allocated(json_object())) }
  public static func array() -> JSON { JSON(owning: allocated(json_array())) }
  public static func null() -> JSON { JSON(owning: allocated(json_null())) }

  public init(_ value: Bool) { raw = make(value) }
  public init(_ value: Int) { raw = make(value) }
  public init(_ value: Int64) { raw = make(Int(value)) }
  /// What JSON has no number for becomes the string "NaN", "Infinity" or "-Infinity".
  public init(_ value: Double) { raw = make(value) }
  public init(_ value: String) { raw = make(value) }
  public init(_ values: [String]) { raw = make(values) }
  /// Text that is UTF-8 already; what is not is replaced by U+FFFD.
  public init(utf8 bytes: UnsafeRawBufferPointer) { raw = make(utf8: bytes) }
}

/// jansson answers an allocation that failed with NULL and then ignores NULL wherever it is passed, so that a member
/// would be missing from a document without anybody noticing.
func allocated(_ raw: Raw?) -> Raw {
  guard let raw else { preconditionFailure("jansson could not allocate a value") }
  return raw
}

func make(_ value: Bool) -> Raw { allocated(value ? json_true() : json_false()) }

func make(_ value: Int) -> Raw { allocated(json_integer(json_int_t(value))) }

func make(_ value: Double) -> Raw {
  if value.isFinite { return allocated(json_real(value)) }
  return make(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
}

func make(_ value: String) -> Raw {
  // A String is valid UTF-8, so jansson need not check it.
  withUTF8(value) { allocated(json_stringn_nocheck($0, $1)) }
}

func make(_ values: [String]) -> Raw {
  let array = allocated(json_array())
  for value in values { append(make(value), to: array) }
  return array
}

func make(utf8 bytes: UnsafeRawBufferPointer) -> Raw {
  guard let base = bytes.baseAddress else { return make("") }
  if let raw = json_stringn(base.assumingMemoryBound(to: CChar.self), bytes.count) { return raw }
  return make(String(decoding: bytes, as: UTF8.self))
}

func append(_ value: Raw, to array: Raw) {
  guard json_array_append_new(array, value) == 0 else { preconditionFailure("jansson could not append a value") }
}

func withUTF8<Result>(_ text: String, _ body: (UnsafePointer<CChar>, Int) -> Result) -> Result {
  var text = text
  return text.withUTF8 { utf8 in
    guard let base = utf8.baseAddress else { return body("", 0) }
    return UnsafeRawPointer(base).withMemoryRebound(to: CChar.self, capacity: utf8.count) { body($0, utf8.count) }
  }
}
