import JSONCodec
import Linux
import Testing

@Suite struct BuilderTests {
  @Test func writesEveryType() {
    let object = JSON.object()
    object.set("s", "text")
    object.set("i", 5_000_000_000)
    object.set("b", true)
    object.set("d", 0.5)
    object.set("none", String?.none)
    object.set("list", ["a", "b"])
    object.set("null", .null())
    object.set("wide", JSON(Int64.min))
    let inner = JSON.object()
    inner.set(name: "a/~\"b", "ü")
    inner.set(name: "", 1)
    object.set("inner", inner)
    let array = JSON.array()
    array.append(1)
    array.append("x")
    array.append(false)
    array.append(JSON.object())
    array.append(Double?.none)
    object.set("array", array)
    #expect(
      object.dump().text
        == #"{"s":"text","i":5000000000,"b":true,"d":0.5,"none":null,"list":["a","b"],"null":null,"#
        + #""wide":-9223372036854775808,"inner":{"a/~\"b":"ü","":1},"array":[1,"x",false,{},null]}"#)
  }

  @Test(arguments: [
    ("", #""""#), ("a\u{0}b", #""a\u0000b""#), ("\u{1F600}\n\t\"\\/", "\"\u{1F600}\\n\\t\\\"\\\\/\""),
    ("\u{7F}\u{1}", "\"\u{7F}\\u0001\""),
  ])
  func escapesStrings(text: String, json: String) {
    #expect(JSON(text).dump().text == json)
    var text = text
    let viaBytes = text.withUTF8 { JSON(utf8: UnsafeRawBufferPointer($0)).dump().text }
    #expect(viaBytes == json)
  }

  @Test func repairsBytesThatAreNotUTF8() {
    let bytes: [UInt8] = [0x61, 0xFF, 0x62]
    #expect(bytes.withUnsafeBytes { JSON(utf8: $0).dump().text } == "\"a\u{FFFD}b\"")
  }

  @Test(arguments: [
    (Double.nan, #""NaN""#), (.infinity, #""Infinity""#), (-.infinity, #""-Infinity""#), (1, "1.0"), (-0.0, "-0.0"),
    (0.25, "0.25"),
    (0.1, "0.1"), (1e300, "1e300"), (1e22, "1e22"), (123456789.5, "123456789.5"),
    (1_763_965_660.123456, "1763965660.123456"), (0.1 + 0.2, "0.30000000000000004"), (1000, "1000.0"),
  ])
  func writesNumbers(value: Double, json: String) { #expect(JSON(value).dump().text == json) }

  @Test func numbersComeBackExactly() {
    var generator = SystemRandomNumberGenerator()
    let random = (0..<2000).map { _ in Double(bitPattern: generator.next()) }.filter(\.isFinite)
    let hard = [.pi, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .leastNormalMagnitude, 4_503_599_627_370_497.5]
    for value in random + hard {
      #expect(Double(JSON(value).dump().text) == value)
    }
  }

  @Test func aDocumentsNumbersShareTheirPrecision() {
    let array = JSON.array()
    let inner = JSON.object()
    inner.set("x", 1.0 / 3)
    array.append(0.5)
    array.append(inner)
    #expect(array.dump().text == #"[0.5,{"x":0.3333333333333333}]"#)
    array.append(0.1 + 0.2)
    array.append(0.1)
    let numbers = array.dump().text
    #expect(numbers == #"[0.5,{"x":0.33333333333333331},0.30000000000000004,0.10000000000000001]"#)
  }

  @Test func replacesAMember() {
    let object = JSON.object()
    object.set("a", 1)
    object.set("a", "two")
    #expect(object.dump().text == #"{"a":"two"}"#)
  }

  @Test(arguments: [0, 1, 4093, 4094, 4095, 4096, 5000, 1_000_000])
  func writesAnySize(count: Int) {
    let text = String(repeating: "x", count: count)
    #expect(JSON(text).dump().text == "\"" + text + "\"")
  }
}
