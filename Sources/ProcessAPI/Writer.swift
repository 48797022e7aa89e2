import Linux

/// Writes into memory that is known to be large enough.
struct Writer {
  private var at: UnsafeMutableRawPointer

  init(_ start: UnsafeMutableRawPointer) { at = start }

  mutating func write(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    at.copyMemory(from: base, byteCount: bytes.count)
    at += bytes.count
  }

  mutating func write(byte: UInt8) {
    at.storeBytes(of: byte, as: UInt8.self)
    at += 1
  }
}

/// How many characters `count` bytes are in base64.
func base64Size(_ count: Int) -> Int { (count + 2) / 3 * 4 }

/// RFC 4648, section 4.
func writeBase64(_ bytes: UnsafeRawBufferPointer, to writer: inout Writer) {
  let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  let letters = alphabet.utf8Start
  var index = 0
  while index + 2 < bytes.count {
    let group = Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
    writer.write(byte: letters[group >> 18])
    writer.write(byte: letters[group >> 12 & 63])
    writer.write(byte: letters[group >> 6 & 63])
    writer.write(byte: letters[group & 63])
    index += 3
  }
  guard index < bytes.count else { return }
  let isTwo = index + 1 < bytes.count
  let group = Int(bytes[index]) << 16 | (isTwo ? Int(bytes[index + 1]) << 8 : 0)
  writer.write(byte: letters[group >> 18])
  writer.write(byte: letters[group >> 12 & 63])
  writer.write(byte: isTwo ? letters[group >> 6 & 63] : UInt8(ascii: "="))
  writer.write(byte: UInt8(ascii: "="))
}
