import CJansson

/// Members of an object. A member that is there already is replaced; a nil value is written as null.
extension JSON {
  public borrowing func set(_ key: StaticString, _ value: consuming JSON) { put(key, value.release()) }
  public borrowing func set(_ key: StaticString, _ value: String?) { put(key, value.map { make($0) }) }
  public borrowing func set(_ key: StaticString, _ value: Int?) { put(key, value.map { make($0) }) }
  public borrowing func set(_ key: StaticString, _ value: Bool?) { put(key, value.map { make($0) }) }
  public borrowing func set(_ key: StaticString, _ value: Double?) { put(key, value.map { make($0) }) }
  public borrowing func set(_ key: StaticString, _ values: [String]?) { put(key, values.map { make($0) }) }
  public borrowing func set(_ key: StaticString, utf8: UnsafeRawBufferPointer) { put(key, make(utf8: utf8)) }

  private borrowing func put(_ key: StaticString, _ value: Raw?) {
    let start = UnsafeRawPointer(key.utf8Start).assumingMemoryBound(to: CChar.self)
    put(start, key.utf8CodeUnitCount, value)
  }
}

/// Members whose names are data: labels, environments.
extension JSON {
  public borrowing func set(name: String, _ value: consuming JSON) { put(name, value.release()) }
  public borrowing func set(name: String, _ value: String?) { put(name, value.map { make($0) }) }
  public borrowing func set(name: String, _ value: Int?) { put(name, value.map { make($0) }) }
  public borrowing func set(name: String, _ value: Bool?) { put(name, value.map { make($0) }) }
  public borrowing func set(name: String, _ value: Double?) { put(name, value.map { make($0) }) }
  public borrowing func set(name: String, _ values: [String]?) { put(name, values.map { make($0) }) }

  private borrowing func put(_ name: String, _ value: Raw?) {
    withUTF8(name) { put($0, $1, value) }
  }
}

/// Elements of an array.
extension JSON {
  public borrowing func append(_ value: consuming JSON) { add(value.release()) }
  public borrowing func append(_ value: String?) { add(value.map { make($0) }) }
  public borrowing func append(_ value: Int?) { add(value.map { make($0) }) }
  public borrowing func append(_ value: Bool?) { add(value.map { make($0) }) }
  public borrowing func append(_ value: Double?) { add(value.map { make($0) }) }
  public borrowing func append(_ values: [String]?) { add(values.map { make($0) }) }
  public borrowing func append(utf8: UnsafeRawBufferPointer) { add(make(utf8: utf8)) }

  private borrowing func add(_ value: Raw?) {
    JSONCodec.append(value ?? allocated(json_null()), to: raw)
  }
}

extension JSON {
  private borrowing func put(_ key: UnsafePointer<CChar>, _ count: Int, _ value: Raw?) {
    guard json_object_setn_new_nocheck(raw, key, count, value ?? allocated(json_null())) == 0 else {
      preconditionFailure("jansson could not set a member: no memory, or the value is no object")
    }
  }
}
