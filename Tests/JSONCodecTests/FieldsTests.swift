import JSONCodec
import Testing

@Suite struct FieldsTests {
  private enum Method: String, CaseIterable { case spawn, fork }

  @Test func readsEveryType() throws {
    let fields = try read(
      #"""
      {"name": "a ü\n", "n": -5, "d": 2, "e": 0.5, "flag": true, "off": false, "method": "fork", "signal": 9, "other": "TERM",
       "command": ["a", ""], "fds": [3, 4], "times": [1, 2.5], "labels": {"z": "1", "a/b~": "2"}, "limits": {"nofile": 7},
       "items": [{"x": 1}, {"x": 2}], "any": [null, true, 1, 1.5, "s\u0000"], "value": null, "none": null, "text": "\u0000"}
      """#)
    #expect(fields.string("name") == "a ü\n")
    #expect(fields.integer("n") == -5)
    #expect(fields.number("d", in: 0...2) == 2)
    #expect(fields.number("e") == 0.5)
    #expect(fields.bool("flag") == true)
    #expect(fields.bool("off") == false)
    #expect(fields.choice("method", of: Method.self) == .fork)
    #expect(fields.nameOrNumber("signal", in: 1...64) == .number(9))
    #expect(fields.nameOrNumber("other", in: 1...64) == .name("TERM"))
    #expect(fields.strings("command") == ["a", ""])
    #expect(fields.integers("fds", in: 3...4) == [3, 4])
    #expect(fields.numbers("times") == [1, 2.5])
    let labels = try #require(fields.map("labels"))
    #expect(labels.map(\.name) == ["z", "a/b~"])
    #expect(labels.map(\.value) == ["1", "2"])
    #expect(fields.object("limits")?.integer("nofile") == 7)
    #expect(fields.items("items")?.map { $0.integer("x") } == [1, 2])
    #expect(fields.scalars("any") == [.null, .bool(true), .integer(1), .real(1.5), .string("s\u{0}")])
    #expect(fields.scalar("value") == .null)
    #expect(fields.string("none") == nil)
    #expect(fields.string("absent") == nil)
    #expect(fields.scalar("absent") == nil)
    #expect(fields.string("text", nul: true) == "\u{0}")
    try fields.finish()
  }

  /// A document, how it is read, and the errors that come of it.
  struct Case: Sendable {
    let json: String
    let errors: [String]
    let read: @Sendable (Fields) -> Void
    init(_ json: String, _ errors: String..., read: @escaping @Sendable (Fields) -> Void) {
      (self.json, self.errors, self.read) = (json, errors, read)
    }
  }

  @Test(arguments: [
    Case(#"{"a":1}"#, "/a must be a string") { _ = $0.string("a") },
    Case(#"{"a":"x\u0000y"}"#, "/a must not contain NUL") { _ = $0.string("a") },
    Case(#"{}"#, "/a is required") { _ = $0.string("a", required: true) },
    Case(#"{"a":null}"#, "/a is required") { _ = $0.integer("a", required: true) },
    Case(#"{}"#, "/a is required") { _ = $0.scalar("a", required: true) },
    Case(#"{"a":5000000000}"#, "/a must be an integer from 1 to 64") { _ = $0.integer("a", in: 1...64) },
    Case(#"{"a":0}"#, "/a must be an integer from 1 to 64") { _ = $0.integer("a", in: 1...64) },
    Case(#"{"a":"5"}"#, "/a must be an integer of at least 0") { _ = $0.integer("a", in: 0 ... .max) },
    Case(#"{"a":5.0}"#, "/a must be an integer of at most 9") { _ = $0.integer("a", in: .min...9) },
    Case(#"{"a":true}"#, "/a must be an integer") { _ = $0.integer("a") },
    Case(#"{"a":[]}"#, "/a must be an integer equal to 1") { _ = $0.integer("a", in: 1...1) },
    Case(#"{"a":-0.1}"#, "/a must be a number from 0 to 1000000000") { _ = $0.number("a", in: 0...1e9) },
    Case(#"{"a":"1"}"#, "/a must be a number of at least 0.5") { _ = $0.number("a", in: 0.5 ... .infinity) },
    Case(#"{"a":1}"#, "/a must be true or false") { _ = $0.bool("a") },
    Case(#"{"a":"x"}"#, #"/a must be one of "spawn", "fork""#) { _ = $0.choice("a", of: Method.self) },
    Case(#"{"a":5000000000}"#, "/a must be an integer from 1 to 64") { _ = $0.nameOrNumber("a", in: 1...64) },
    Case(#"{"a":1.5}"#, "/a must be a name or an integer from 1 to 64") { _ = $0.nameOrNumber("a", in: 1...64) },
    Case(#"{"a":"x"}"#, "/a must be an array of strings") { _ = $0.strings("a") },
    Case(#"{"a":["\u0000","b",null]}"#, "/a/0 must not contain NUL", "/a/2 must be a string") { _ = $0.strings("a") },
    Case(#"{"a":[1,"2"]}"#, "/a/1 must be an integer") { _ = $0.integers("a") },
    Case(#"{"a":{}}"#, "/a must be an array of numbers") { _ = $0.numbers("a") },
    Case(#"{"a":[]}"#, "/a must be an object of strings") { _ = $0.map("a") },
    Case(#"{"a":{"x/y~":1,"b":"c"}}"#, "/a/x~1y~0 must be a string") { _ = $0.map("a") },
    Case(#"{"a":{"\u00e9":"1","e\u0301":"2"}}"#, "/a/e\u{301} is the same name as another") { _ = $0.map("a") },
    Case(#"{"a":1}"#, "/a must be an object") { _ = $0.object("a") },
    Case(#"{"a":{"b":1,"c":2}}"#, "/a/b must be a string", "/a/c unknown field") { _ = $0.object("a")?.string("b") },
    Case(#"{"a":[{"b":1},2]}"#, "/a/1 must be an object", "/a/0/b unknown field") { _ = $0.items("a") },
    Case(#"{"a":[[1]]}"#, "/a/0 must not be an array or an object") { _ = $0.scalars("a") },
    Case(#"{"tty":null}"#, "/tty comes later") { $0.reject("tty", "comes later") },
    Case(#"{}"#) { $0.reject("tty", "comes later") },
    Case(#"{"a":1}"#) { $0.ignore("a") },
    Case(#"{"a":1}"#, "/a unknown field") { _ = $0.kind("a") },
    Case(#"{"b":1,"x/":2,"a":""}"#, "/b unknown field", "/x~1 unknown field") { _ = $0.string("a") },
    Case(#"{"a":1,"b":2}"#, "/a must be a string", "/b must be true or false", "/a is taken") {
      _ = ($0.string("a"), $0.bool("b"), $0.fail("a", "is taken"))
    },
    Case("[1]", " must be an object") { _ = ($0.string("a", required: true), $0.object("b")?.string("c")) },
    Case("7", " must be an object") { _ = $0.integer("a") },
    Case("null", " must be an object") { _ = $0.map("a") },
  ])
  func collectsEveryError(_ test: Case) throws {
    let fields = try read(test.json)
    test.read(fields)
    var found: [String] = []
    do throws(FieldErrors) { try fields.finish() } catch { found = error.all.map { "\($0.pointer) \($0.detail)" } }
    #expect(found == test.errors)
  }

  @Test func boundsTheErrors() throws {
    let members = (0..<1000).map { "\"\($0)\":1" }.joined(separator: ",")
    let fields = try read("{\(members)}")
    let error = #expect(throws: FieldErrors.self) { try fields.finish() }
    #expect(error?.all.count == FieldErrors.limit)
  }

  @Test(arguments: [
    (#"{"x":null}"#, Fields.Kind.null), (#"{"x":"p"}"#, .string), (#"{"x":{}}"#, .object), (#"{"x":[]}"#, .array),
    (#"{"x":1}"#, .integer), (#"{"x":1e0}"#, .real), (#"{"x":false}"#, .bool), ("{}", .absent), ("[]", .absent),
  ])
  func tellsKinds(json: String, kind: Fields.Kind) throws { #expect(try read(json).kind("x") == kind) }

  @Test(arguments: [
    ("", 1, 1, "the document is empty"), ("{\"a\":1\u{0}}", 1, 7, "',' or '}' is expected"),
    (#"{"a":1,}"#, 1, 8, "a member's name in double quotes is expected"),
    ("{'a':1}", 1, 2, "a member's name in double quotes is expected"),
  ])
  func saysWhatIsNoDocument(json: String, line: Int, column: Int, detail: String) {
    let error = #expect(throws: JSONError.self) { try read(json) }
    #expect(error == JSONError(line: line, column: column, detail: detail))
  }

  /// What is JSON and cannot be held is said of the member that it is.
  @Test(arguments: [
    (#"{"a":1e400}"#, "/a", "is a number too large for 64 bits"),
    ("{\"a\":\n 123456789012345678901234567890}", "/a", "is a number too large for 64 bits"),
    (
      #"{"x":[1,{"y":{}},[]],"limits":{"n":1,"m":[0, -99999999999999999999 ,2]},"z":0}"#, "/limits/m/1",
      "is a number too large for 64 bits"
    ),
    (#"{"args":["1e400",[1e400]]}"#, "/args/1/0", "is a number too large for 64 bits"),
    (#"{"a\/b~":{"\u00e9\"":9223372036854775808}}"#, "/a~1b~0/é\"", "is a number too large for 64 bits"),
    ("99999999999999999999", "", "is a number too large for 64 bits"),
    (#"{"a":1,"a":2}"#, "/a", "occurs twice"), (#"{"o":{"a":1,"b":{},"a":2}}"#, "/o/a", "occurs twice"),
    (#"{"env":{"A":"1","x\u0000y":"2"}}"#, "/env/x\u{0}y", "a name may not contain NUL"),
    (#"{"\u0000":1}"#, "/\u{0}", "a name may not contain NUL"),
  ])
  func saysWhichMemberIsTooMuch(json: String, pointer: String, detail: String) {
    let error = #expect(throws: JSONError.self) { try read(json) }
    #expect(error?.pointer == pointer)
    #expect(error?.detail == detail)
  }

  @Test func boundsDepthAndSize() {
    for depth in [33, 2000, 100_000] {
      let json = String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth)
      let error = #expect(throws: JSONError.self) { try read(json) }
      #expect(error?.detail == "the document is nested too deeply")
    }
    let list = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
    #expect(throws: Never.self) { try read(list) }
    let large = "{\"a\":\"" + String(repeating: "x", count: 1 << 20) + "\"}"
    #expect(throws: JSONError(line: 1, column: 1, detail: "the document is larger than 1048576 bytes")) {
      try read(large)
    }
    #expect(throws: JSONError.self) {
      try Array("{\"a\":\"\u{FF}\"}".utf8).withUnsafeBytes { try Fields($0, limit: 8) }
    }
  }

  @Test func refusesWhatIsNotUTF8() {
    #expect(throws: JSONError.self) { try ([0x22, 0xFF, 0x22] as [UInt8]).withUnsafeBytes { try Fields($0) } }
  }

  @Test func aReaderInsideOutlivesTheOthers() throws {
    let inner = try #require(try read(#"{"a":{"b":["c"]}}"#).object("a"))
    #expect(inner.pointer == "/a")
    #expect(inner.strings("b") == ["c"])
  }
}

/// The text's own bytes: jansson keeps nothing of what it reads.
private func read(_ json: String) throws(JSONError) -> Fields {
  let result = Array(json.utf8).withUnsafeBytes { bytes in
    Result { () throws(JSONError) in try Fields(bytes) }
  }
  return try result.get()
}
