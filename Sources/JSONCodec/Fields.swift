import CJansson

/// Reads an object of a request's document and collects everything that is wrong with it.
///
/// A read answers nil when the member is absent or null, and when it is not what it should be. `finish` throws all that
/// was found, and the members that nobody asked for. So a caller reads every member once, calls `finish`, and only then
/// acts:
///
///     let fields = try Fields(body)
///     let command = fields.strings("command", required: true)
///     let nice = fields.integer("nice", in: -20...19)
///     try fields.finish()
public final class Fields {
  /// Where this object is in its document.
  public let pointer: String

  let reading: Reading
  /// Nil when there is no object: every read answers nil without a further error.
  private let object: Raw?
  private var known: [String] = []
  private var nested: [Fields] = []

  /// What the readers of a document share. It owns the document, so that a reader may outlive the others.
  final class Reading {
    let root: JSON
    var errors = FieldErrors()
    init(_ root: consuming JSON) { self.root = root }
  }

  /// Throws when the bytes are no JSON document, are more than `limit`, or are nested deeper than `depth`. A document
  /// that is no object is an error of the field "". `wide`: integers beyond 64 bits are strings, as `WideInteger` has them.
  public init(
    _ bytes: UnsafeRawBufferPointer, limit: Int = 1 << 20, depth: Int = 32, wide: Bool = false
  ) throws(JSONError) {
    let reading = Reading(try parse(bytes, limit: limit, depth: depth, wide: wide))
    self.reading = reading
    pointer = ""
    object = reading.root.raw.type == JSON_OBJECT ? reading.root.raw : nil
    if object == nil { reading.errors.append(FieldError("", "must be an object")) }
  }

  init(_ object: Raw, at pointer: String, in reading: Reading) {
    self.object = object
    self.pointer = pointer
    self.reading = reading
  }

  /// The names of all members, in the document's order.
  public var names: [String] { members.map(\.name) }

  /// Records an error of the caller's own finding: "must be a name or a path".
  public func fail(_ name: String, _ detail: String) { fail(at: pointer.pointer(to: name), detail) }

  /// Likewise of an element of a member, as in `/env/PATH` or `/command/0`.
  public func fail(_ name: String, _ element: String, _ detail: String) {
    fail(at: pointer.pointer(to: name).pointer(to: element), detail)
  }

  /// Refuses a member that is present, null or not.
  public func reject(_ name: String, _ detail: String) {
    if raw(name) != nil { fail(name, detail) }
  }

  /// Lets a member be whatever it is.
  public func ignore(_ name: String) { known.append(name) }

  /// Throws what was found here and in the objects inside; to be called on the outermost reader after all reads.
  public func finish() throws(FieldErrors) {
    refuseUnknown()
    guard reading.errors.all.isEmpty else { throw reading.errors }
  }

  private func refuseUnknown() {
    for (name, _) in members where !known.contains(name) {
      if reading.errors.all.count == FieldErrors.limit { return }
      fail(name, "unknown field")
    }
    for fields in nested { fields.refuseUnknown() }
  }
}

extension Fields {
  func fail(at pointer: String, _ detail: String) { reading.errors.append(FieldError(pointer, detail)) }

  /// The member if it is there, and marks it as known.
  func raw(_ name: String) -> Raw? {
    known.append(name)
    return peek(name)
  }

  func peek(_ name: String) -> Raw? {
    object.flatMap { object in withUTF8(name) { json_object_getn(object, $0, $1) } }
  }

  /// The member if it is there and not null.
  func value(_ name: String, required: Bool) -> Raw? {
    if let raw = raw(name), raw.type != JSON_NULL { return raw }
    if required, object != nil { fail(name, "is required") }
    return nil
  }

  /// A reader of an object inside; `finish` covers it.
  func fields(of raw: Raw, at pointer: String) -> Fields? {
    guard raw.type == JSON_OBJECT else {
      fail(at: pointer, "must be an object")
      return nil
    }
    let fields = Fields(raw, at: pointer, in: reading)
    nested.append(fields)
    return fields
  }

  var members: [(name: String, value: Raw)] { object?.members ?? [] }
}
