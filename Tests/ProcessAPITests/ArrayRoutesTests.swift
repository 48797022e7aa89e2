import Testing

@testable import HTTP
@testable import ProcessCore

@Suite struct ArrayRoutesTests {
  let api: APIUnderTest

  init() throws { api = try APIUnderTest() }

  /// As `ctypes.c_uint64(n).value` and its like do: the lower bits are kept.
  @Test(arguments: [
    ("Q", "18446744073709551615", "18446744073709551615"), ("Q", "9223372036854775808", "9223372036854775808"),
    ("Q", "-9223372036854775809", "9223372036854775807"), ("q", "18446744073709551615", "-1"),
    ("B", "340282366920938463463374607431768211457", "1"), ("i", "-18446744073709551617", "-1"),
    ("d", "18446744073709551616", "1.8446744073709552e+19"),
  ])
  func anIntegerOfAnySizeIsAnItem(code: String, number: String, expected: String) throws {
    let made = try api.post("/v1/arrays", #"{"name":"a","typecode":"\#(code)","initial":[1,\#(number),"NaN"]}"#)
    #expect(made.status == (code == "d" ? 201 : 422), "\(made.body)")
    let array = try api.post("/v1/arrays", #"{"name":"b","typecode":"\#(code)","initial":[1,\#(number)]}"#)
    #expect(array.status == 201, "\(array.body)")
    #expect(try api.get("/v1/arrays/b/items/1").body == #"{"value":\#(expected)}"#)
    let body = #"{"value":\#(number)}"#
    #expect(try api.call(.put, "/v1/arrays/b/items/0", body).body == #"{"value":\#(expected)}"#)
    let values = try api.get("/v1/arrays/b/items").body
    #expect(values == #"{"values":[\#(expected),\#(expected)]}"#)
    #expect(try api.call(.put, "/v1/arrays/b/items", values).status == 204, "what was answered can be written back")
    #expect(try api.get("/v1/arrays/b/items").body == values)
  }

  @Test func whatIsNoIntegerIsRefusedWhateverItsSize() throws {
    _ = try api.post("/v1/arrays", #"{"name":"a","typecode":"Q","length":2}"#)
    for value in ["1e30", "18446744073709551616.0", #""18446744073709551616""#, "true"] {
      let wrong = try api.call(.put, "/v1/arrays/a/items/0", #"{"value":\#(value)}"#)
      #expect(wrong.status == 422 && wrong.contains("must be an integer"), "\(value): \(wrong.body)")
    }
    let huge = String(repeating: "9", count: 400)
    _ = try api.post("/v1/arrays", #"{"name":"d","typecode":"d","length":1}"#)
    #expect(try api.call(.put, "/v1/arrays/d/items/0", #"{"value":\#(huge)}"#).status == 422)
    _ = try api.post("/v1/arrays", #"{"name":"c","typecode":"c","length":1}"#)
    #expect(try api.call(.put, "/v1/arrays/c/items/0", #"{"value":18446744073709551616}"#).status == 422)
    #expect(try api.call(.put, "/v1/arrays/c/items/0", #"{"value":"\u0000"}"#).status == 200)
    #expect(try api.post("/v1/arrays", #"{"typecode":"B","length":18446744073709551617}"#).status == 422)
  }

  /// The kernel takes long for it, and the loop has others to answer.
  @Test func aLargeArrayIsMadeOffTheLoop() throws {
    let count = SharedSpace.large
    let settings = #"{"typecode":"B","length":\#(count)}"#
    let first = try api.answer(.put, "/v1/arrays/a", settings)
    guard case .success(.parked) = first.0 else {
      Issue.record("\(first.0)")
      return
    }
    // It comes while the first is made, or after.
    let same = try api.answer(.put, "/v1/arrays/a", settings)
    let made = try api.result(first)
    #expect(made.status == 201, "\(made.body)")
    #expect(try api.result(same).status == 200)
    #expect(try api.call(.put, "/v1/arrays/a", #"{"typecode":"B","length":5}"#).status == 409)
    let small = try api.answer(.post, "/v1/arrays", #"{"typecode":"B","length":\#(count - 1)}"#)
    guard case .success(.now) = small.0 else {
      Issue.record("\(small.0)")
      return
    }
    #expect(try api.call(.delete, "/v1/arrays/a").status == 204)
    #expect(try api.get("/v1/arrays/a").status == 404)
  }

  @Test func whatWasDeletedLeavesRoomAtOnce() throws {
    var options = ProcessOptions()
    options.maxSharedBytes = 64 << 20
    let api = try APIUnderTest(options)
    let half = options.maxSharedBytes / 2 + 1
    for _ in 0..<3 {
      let made = try api.post("/v1/arrays", #"{"name":"a","typecode":"B","length":\#(half)}"#)
      #expect(made.status == 201, "\(made.body)")
      #expect(try api.post("/v1/arrays", #"{"name":"b","typecode":"B","length":\#(half)}"#).status == 429)
      let rest = options.maxSharedBytes - half - 4096
      #expect(try api.post("/v1/arrays", #"{"name":"rest","typecode":"B","length":\#(rest)}"#).status == 201)
      #expect(try api.call(.delete, "/v1/arrays/a").status == 204)
      #expect(try api.post("/v1/values", #"{"name":"v","typecode":"i"}"#).status == 201, "there was no room before")
      #expect(try api.call(.delete, "/v1/values/v").status == 204)
      #expect(try api.call(.delete, "/v1/arrays/rest").status == 204)
    }
  }
}
