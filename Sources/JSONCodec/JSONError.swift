/// Bytes that are not a JSON document as we accept it, or one that we cannot hold.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Both count from 1; the column counts characters.
  public let line: Int
  public let column: Int
  /// What is wrong there, for people.
  public let detail: String
  /// Of a document that is JSON and that cannot be read all the same: which member is too much, as RFC 6901 points to it.
  public let pointer: String?

  public init(line: Int, column: Int, detail: String, pointer: String? = nil) {
    self.line = line
    self.column = column
    self.detail = detail
    self.pointer = pointer
  }

  init(at offset: Int, of bytes: UnsafeRawBufferPointer, _ detail: String, pointer: String? = nil) {
    var line = 1
    var column = 1
    for byte in bytes[..<offset] {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    self.init(line: line, column: column, detail: detail, pointer: pointer)
  }

  public var description: String { "line \(line), column \(column): \(detail)" }
}
