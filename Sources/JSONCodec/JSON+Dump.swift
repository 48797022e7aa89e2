import CJansson
import Glibc
public import Linux

extension JSON {
  /// The document in UTF-8, without white space. Numbers come back exactly when they are read again.
  public borrowing func dump() -> Bytes {
    let flags = Int(JSON_COMPACT) | Int(JSON_ENCODE_ANY) | procession_json_real_precision(Int32(digits(of: raw)))
    return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { scratch in
      var output = Output(scratch)
      let status = json_dump_callback(
        raw,
        { chunk, count, output in
          guard let chunk, let output else { return -1 }
          output.assumingMemoryBound(to: Output.self).pointee.write(chunk, count)
          return 0
        }, &output, flags)
      guard status == 0 else { preconditionFailure("jansson could not write a document") }
      return output.bytes()
    }
  }
}

/// Starts in memory of the stack, where most documents end, and moves to the heap with those that do not fit.
private struct Output {
  private var start: UnsafeMutableRawPointer
  private var count = 0
  private var capacity: Int
  private var isOnHeap = false

  init(_ scratch: UnsafeMutableRawBufferPointer) {
    // A temporary allocation that is not empty has an address.
    start = scratch.baseAddress!
    capacity = scratch.count
  }

  @inline(__always) mutating func write(_ chunk: UnsafeRawPointer, _ size: Int) {
    if size > capacity - count { grow(by: size) }
    (start + count).copyMemory(from: chunk, byteCount: size)
    count += size
  }

  private mutating func grow(by size: Int) {
    capacity = max(2 * capacity, count + size)
    guard let larger = realloc(isOnHeap ? start : nil, capacity) else {
      preconditionFailure("no memory for a document of \(capacity) bytes")
    }
    if !isOnHeap { larger.copyMemory(from: start, byteCount: count) }
    start = larger
    isOnHeap = true
  }

  func bytes() -> Bytes {
    guard isOnHeap else { return Bytes(copying: UnsafeRawBufferPointer(start: start, count: count)) }
    return Bytes(adopting: realloc(start, count) ?? start, count: count)
  }
}
