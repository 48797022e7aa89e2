import Testing

@testable import HTTP

@Suite struct ByteClassTests {
  /// Each byte at each place among others, eight at once and singly.
  @Test func aControlByteIsFoundWhereverItIs() {
    for filler in [UInt8(ascii: "x"), 0x20, 0x7e, 0x80, 0x9f, 0xa0, 0xff, 9] {
      for count in 1...20 {
        for place in 0..<count {
          var bytes = [UInt8](repeating: filler, count: count)
          for byte in UInt8.min...UInt8.max {
            bytes[place] = byte
            let isFound = bytes.withUnsafeBytes { ByteClass.hasControl($0) }
            guard isFound != ByteClass.isControl(byte) else { continue }
            Issue.record("\(byte) at \(place) of \(count) among \(filler)")
          }
        }
      }
    }
  }

  /// Each byte at each place of names of all lengths: only a letter's other case is the same.
  @Test func onlyTheCaseOfLettersIsIgnored() {
    func isSame(_ name: [UInt8], _ lowercase: StaticString) -> Bool {
      name.withUnsafeBytes { $0.equalsIgnoringCase(lowercase) }
    }
    for text in ["host", "expect", "identity", "chunked", "content-type", "authorization", "charset=\"utf-8\""]
      as [StaticString]
    {
      let lowercase = Array(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
      for place in lowercase.indices {
        for byte in UInt8.min...UInt8.max {
          var name = lowercase
          name[place] = byte
          let other = lowercase[place]
          let isCase = (0x61...0x7a).contains(other) && byte == other - 0x20
          guard isSame(name, text) != (byte == other || isCase) else { continue }
          Issue.record("\(byte) at \(place) of \(text)")
        }
      }
      #expect(!isSame(Array(lowercase.dropLast()), text) && !isSame(lowercase + [0x20], text))
    }
  }
}
