import HTTP
import Linux
import ProcessCore

/// The raw bytes of an array or a value: out by sendfile, in straight into the mapping. They take no lock.
extension SharedMemory {
  /// All bytes, or those that `Range` asks for.
  func read(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    try core { () throws(CoreError) in try checkWhole() }
    let range = try request.byteRange(of: byteCount)
    let part = range ?? 0..<byteCount
    var response = Response(range == nil ? 200 : 206, contentType: "application/octet-stream")
    response.body =
      part.isEmpty ? .bytes(.empty) : .file(descriptor, owner: self, offset: part.lowerBound, count: part.count)
    response.headers.append(("Accept-Ranges", "bytes"))
    if range != nil {
      response.headers.append(("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(byteCount)"))
    }
    return .now(response)
  }

  /// Writes the body from the byte `offset` on.
  func write(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let offset = parameters.integer("offset", in: 0...byteCount) ?? 0
    try parameters.finish()
    if let length = request.contentLength, length > byteCount - offset { throw Self.tooLarge(byteCount - offset) }
    return .upload(SharedUpload(self, at: offset))
  }

  fileprivate static func tooLarge(_ room: Int) -> Problem {
    Problem(413, "TooLarge", "there is room for \(room) bytes")
  }
}

private final class SharedUpload: BodySink, @unchecked Sendable {
  // Sendable: the server makes all calls from one loop, one at a time.
  private let memory: SharedMemory
  private let start: Int
  private var offset: Int

  init(_ memory: SharedMemory, at offset: Int) {
    self.memory = memory
    start = offset
    self.offset = offset
  }

  func write(_ data: UnsafeRawBufferPointer, wake: @escaping @Sendable () -> Void) throws(Problem) -> Int {
    guard data.count <= memory.byteCount - offset else { throw SharedMemory.tooLarge(memory.byteCount - start) }
    try core { () throws(CoreError) in try memory.write(offset, from: data) }
    offset += data.count
    return data.count
  }

  func finish() throws(Problem) -> Answer {
    var text = ItemsText()
    text.write("{\"written\":")
    text.write(.integer(Int64(offset - start)))
    text.write("}")
    return .now(text.response())
  }

  func cancel() {}
}

extension Request {
  /// The one range of bytes that `Range` asks for, as RFC 9110 section 14 has it. nil: all; so of several ranges, and of what is
  /// no range of bytes.
  fileprivate func byteRange(of count: Int) throws(Problem) -> Range<Int>? {
    guard let text = header("range"), text.hasPrefix("bytes=") else { return nil }
    let bounds = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
    guard bounds.count == 2, bounds.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else {
      return nil
    }
    let (first, last) = (Int(bounds[0]), Int(bounds[1]))
    switch (first, last) {
    case (let first?, let last?) where last < first: return nil
    case (let first?, _) where first < count: return first..<min(last ?? .max - 1, count - 1) + 1
    case (nil, let last?) where last > 0 && count > 0: return max(0, count - last)..<count
    case (nil, nil): return nil
    default:
      var problem = Problem(416, "RangeNotSatisfiable", "there are \(count) bytes")
      problem.headers = [("Content-Range", "bytes */\(count)")]
      throw problem
    }
  }
}
