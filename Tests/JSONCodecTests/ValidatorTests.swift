import JSONCodec
import Testing

@Suite struct ValidatorTests {
  /// The value's text, or what is wrong with it.
  private func validate(_ bytes: [UInt8], depth: Int = JSONValidator.maximumDepth) -> Result<String, JSONError> {
    // A copy of its own size, so that the address sanitizer sees a read past the end.
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return Result { () throws(JSONError) in
      let range = try JSONValidator.validate(UnsafeRawBufferPointer(copy), depth: depth)
      return String(decoding: copy[range], as: UTF8.self)
    }
  }

  @Test(arguments: [
    "0", "-0", "1", "-1", "10", "1.5", "1e0", "1E400", "1e+5", "1E-05", "-0.0e-0", "123456789012345678901234567890",
    "0.1", "true", "false", "null", "\"\"", "[]", "{}", "[[]]", "[{}]", "[1,2]", "{\"a\":1}",
    "{\"a\":[{\"b\":null}],\"c\":{}}",
    "{\"a\":1,\"a\":2}", "{\"\":0}", "{\"a\\u0000b\":1}", "\"\\u0000\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\ud83d\\ude00\"", "\"\\uD83D\\uDE00\"", "\"\\uffff\\u00e9\\uABCD\"", "\"\u{7F}\"", "\"é€😀\u{10FFFF}\u{E000}\"",
    "\"a long string that takes several words of eight bytes each\"", "[ 1 , {\t\"a\" :\r\n2 } , [ ] ]",
    "{\"b\":1.0,\"a\":[1,1e0,-0,123456789012345678901234567890,0.1,1E400],\"b\":\"\\u0000\\ud83d\\ude00\"}",
  ])
  func accepts(json: String) {
    #expect(validate(Array(json.utf8)) == .success(json))
    #expect(validate(Array(" \t\r\n\(json)\n ".utf8)) == .success(json))
  }

  @Test(arguments: [
    "", " ", "\n", "{", "[", "}", "]", "\"", "\"abc", "[1", "[1,", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "tru",
    "nul",
    "[1,]", "[,1]", "[,]", "[1,,2]", "{,}", "{\"a\":1,}", "{\"a\":1,,\"b\":2}", "{\"a\"}", "{\"a\":}", "{a:1}",
    "{'a':1}",
    "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[1 2]", "[1}", "{\"a\":1]", "[1]]", "{}}", "1 2", "[] []", "{}x",
    "nullx",
    "True", "TRUE", "NULL", "None", "nil", "undefined", "NaN", "-NaN", "Infinity", "-Infinity", "inf",
    "01", "-01", "00", "+1", ".5", "-.5", "1.", "1.e1", "1e", "1e+", "1E-", "1e1.5", "0x10", "1_000", "-", "--1", "1-",
    "0e", "0.", "'a'", "`a`", "// c\n1", "1 // c", "/* c */1", "[1/**/]", "#1", "\"\\", "\"\\\"", "\"\\x41\"",
    "\"\\a\"",
    "\"\\'\"", "\"\\u\"", "\"\\u00\"", "\"\\u00g0\"", "\"\\u 123\"", "\"\\U0041\"", "\"\\ud800\"", "\"\\udc00\"",
    "\"\\ud800\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u\"", "\"\\udc00\\ud800\"", "\"\t\"", "\"\n\"",
    "\"\u{0}\"", "\"\u{1F}\"", "\"sixteen bytes!\u{1}.\"", "\u{0}", "1\u{0}", "[\u{0}]", "\u{FEFF}1", "\u{FEFF}",
    "1\u{FEFF}",
    "\u{A0}1", "\u{C}1", "[1\u{B}]", "é", "\"a\"b", "\"a\"\"b\"", "[\"a\":1]", "{\"a\":1:2}", "{\"a\",1}",
  ])
  func refuses(json: String) { #expect(throws: JSONError.self) { try validate(Array(json.utf8)).get() } }

  @Test(
    arguments: [
      [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x20], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
      [0xE2, 0x82],
      [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98],
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
      [0xE2, 0x28, 0xA1], [0xF0, 0x28, 0x8C, 0xBC], [0xF0, 0x9F, 0x28, 0x80],
    ] as [[UInt8]])
  func refusesWhatIsNotUTF8(bytes: [UInt8]) {
    for before in [[], Array("12345678901234".utf8)] {
      let quoted = [0x22] + before + bytes
      #expect(throws: JSONError.self) { try validate(quoted).get() }
      #expect(throws: JSONError.self) { try validate(quoted + [0x22]).get() }
    }
  }

  @Test func everyCharacterIsAccepted() {
    for scalar in (0x20...0x10FFFF as ClosedRange<UInt32>).lazy.compactMap(Unicode.Scalar.init)
    where scalar != "\"" && scalar != "\\" && (scalar.value % 7 == 0 || scalar.value % 0x400 > 0x3FD) {
      let json = "\"\(Character(scalar))\""
      guard validate(Array(json.utf8)) == .success(json) else {
        Issue.record("U+\(String(scalar.value, radix: 16))")
        return
      }
    }
  }

  @Test func everyPrefixIsRefused() {
    let json = Array("{\"a\":[1.5e+3,true,null,\"\\ud83d\\ude00é€😀\",{}],\"b\":{\"c\":[[]]}}".utf8)
    #expect(throws: Never.self) { try validate(json).get() }
    for count in 0..<json.count {
      #expect(throws: JSONError.self) { try validate(Array(json[..<count])).get() }
    }
  }

  @Test(arguments: [1, 2, 32, 64])
  func boundsTheDepth(depth: Int) {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      let inside = open == "[" ? "" : "1"
      let deepest = String(repeating: open, count: depth) + inside + String(repeating: close, count: depth)
      #expect(validate(Array(deepest.utf8), depth: depth) == .success(deepest))
      #expect(throws: JSONError.self) { try validate(Array((open + deepest + close).utf8), depth: depth).get() }
    }
    #expect(throws: JSONError.self) { try validate(Array("[]".utf8), depth: 0).get() }
    #expect(throws: JSONError.self) { try validate([UInt8](repeating: 0x5B, count: 1_000_000)).get() }
  }

  @Test(arguments: [
    ("", 1, 1, "the document is empty"), ("[1,]", 1, 4, "a value is expected"),
    ("{\n  \"ü\": 01\n}", 2, 9, "a number may not start with 0"), ("[1", 1, 3, "the document ends too early"),
    ("{\"a\":1 \"b\"}", 1, 8, "',' or '}' is expected"), ("[] 1", 1, 4, "something follows the value"),
    ("\"\\ud800\"", 1, 3, "half a surrogate pair stands for no character"),
    ("\u{FEFF}1", 1, 1, "a document may not start with a byte order mark"),
  ])
  func saysWhere(json: String, line: Int, column: Int, detail: String) {
    #expect(validate(Array(json.utf8)) == .failure(JSONError(line: line, column: column, detail: detail)))
  }
}
