/// Looks for a pattern in the lines of a stream. Of a longer line the first 4096 bytes count.
struct LineScan {
  private let pattern: LinePattern
  private var line: [UInt8] = []
  private static let longest = 4096

  init(_ pattern: LinePattern) { self.pattern = pattern }

  /// Whether a line that ends in these bytes has it.
  mutating func finds(in bytes: some Collection<UInt8>) -> Bool {
    for byte in bytes {
      if byte != UInt8(ascii: "\n") {
        if line.count < Self.longest { line.append(byte) }
        continue
      }
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      let isFound = pattern.isFound(in: line)
      line.removeAll(keepingCapacity: true)
      if isFound { return true }
    }
    return false
  }
}
