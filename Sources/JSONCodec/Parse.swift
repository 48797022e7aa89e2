import CJansson

/// A document as jansson reads it, after what jansson does not see to: it takes up to 79 times the memory of what it
/// reads, recurses 2,048 levels deep, and overlooks a NUL byte behind a number.
///
/// `wide`: integers beyond 64 bits are read as `WideInteger` says.
func parse(_ bytes: UnsafeRawBufferPointer, limit: Int, depth: Int, wide: Bool = false) throws(JSONError) -> JSON {
  guard bytes.count <= limit else {
    throw JSONError(line: 1, column: 1, detail: "the document is larger than \(limit) bytes")
  }
  let range = try JSONValidator.validate(bytes, depth: depth)
  var error = json_error_t()
  // A lone value is read too, so that it can be said that an object is expected. NUL is refused by those who read a
  // string, who know its name.
  let flags = Int(JSON_REJECT_DUPLICATES) | Int(JSON_DECODE_ANY) | Int(JSON_ALLOW_NUL)
  let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
  guard let raw = json_loadb(start, bytes.count, flags, &error) else {
    if wide, let marked = WideInteger.marked(in: bytes) {
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: marked.count, alignment: 1)
      defer { copy.deallocate() }
      copy.copyBytes(from: marked)
      return try parse(UnsafeRawBufferPointer(copy), limit: .max, depth: depth)
    }
    let offset = offset(of: error, in: bytes, range)
    let pointer = JSONPointerFinder.pointer(at: offset, in: bytes)
    throw JSONError(at: offset, of: bytes, detail(of: error), pointer: pointer)
  }
  return JSON(owning: raw)
}

/// jansson stops behind what it refuses, or says nothing.
private func offset(of error: json_error_t, in bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int {
  min(max(Int(error.position), range.lowerBound), range.upperBound)
}

/// What jansson refuses in a document that is valid.
private func detail(of error: json_error_t) -> String {
  switch json_error_code(withUnsafePointer(to: error) { $0 }) {
  case json_error_duplicate_key: "occurs twice"
  case json_error_numeric_overflow: "is a number too large for 64 bits"
  case json_error_null_byte_in_key: "a name may not contain NUL"
  case json_error_out_of_memory: "the document does not fit into memory"
  default: "the document cannot be read"
  }
}
