import CJansson
public import Linux

extension JSON {
  /// The document in UTF-8, without white space. Numbers come back exactly when they are read again.
  public borrowing func dump() -> Bytes {
    // 17 digits bring every Double back; fewer would change some.
    let flags = Int(JSON_COMPACT) | Int(JSON_ENCODE_ANY) | procession_json_real_precision(17)
    return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { scratch in
      let count = json_dumpb(raw, scratch.baseAddress, scratch.count, flags)
      guard count > 0 else { preconditionFailure("jansson could not write a document") }
      if count <= scratch.count { return Bytes(copying: UnsafeRawBufferPointer(rebasing: scratch[..<count])) }
      let bytes = Bytes(count: count)
      let written = json_dumpb(raw, bytes.start, count, flags)
      precondition(written == count, "a document changed while it was written")
      return bytes
    }
  }
}
