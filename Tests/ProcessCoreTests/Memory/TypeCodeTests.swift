import Linux
import Testing

@testable import ProcessCore

@Suite struct TypeCodeTests {
  private static let integers: [String] = [
    "0", "1", "-1", "44", "127", "128", "-128", "-129", "255", "256", "300", "32767", "32768", "65535", "65536",
    "2147483647", "2147483648", "-2147483649", "4294967295", "4294967296", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "18446744073709551615",
  ]
  private static let doubles = [
    "0.0", "-0.0", "0.1", "1e300", "-1e300", "16777217.0", "1e-46", "3.4028235677973366e38",
  ]

  private static func item(_ integer: String) -> Item? {
    Int64(integer).map { .integer($0) } ?? UInt64(integer).map { .unsigned($0) }
  }

  /// What an item becomes in memory and as what it is read, against ctypes.
  @Test func everyConversionIsCtypes() throws {
    let codes = TypeCode.allCases.filter { $0 != .char }
    let lines = try python(
      """
      from multiprocessing.sharedctypes import typecode_to_type
      import ctypes
      for code in "\(codes.map(\.rawValue).joined())":
        type = typecode_to_type[code]
        for number in [\(Self.integers.joined(separator: ","))] + ([\(Self.doubles.joined(separator: ","))] if code in "fd" else []):
          item = type(number)
          print(code, ctypes.sizeof(type), bytes(item).hex(), repr(item.value))
      """)
    var ours: [(TypeCode, Item)] = []
    for code in codes {
      ours += try Self.integers.map { (code, try #require(Self.item($0))) }
      if code.isFloatingPoint { ours += try Self.doubles.map { (code, .double(try #require(Double($0)))) } }
    }
    #expect(ours.count == lines.count)
    for ((code, item), line) in zip(ours, lines) {
      let items = try Items(code, [item], pointer: "")
      let hex = items.bytes.buffer.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      let fields = line.split(separator: " ")
      #expect(fields[..<3] == [Substring(code.rawValue), "\(code.size)", Substring(hex)])
      switch items[0] {
      case .integer(let value): #expect("\(value)" == fields[3])
      case .unsigned(let value): #expect("\(value)" == fields[3] && value > Int64.max)
      case .double(let value): #expect(value.bitPattern == Double(String(fields[3]))?.bitPattern)
      case .character: Issue.record("\(code) gave a character")
      }
    }
  }

  @Test func anItemOfAnotherKindIsWrong() {
    for code in TypeCode.allCases {
      switch code {
      case .char:
        #expect(code.bits(of: .character(0xFF)) == 0xFF)
        for item: Item in [.integer(65), .unsigned(.max), .double(1)] { #expect(code.bits(of: item) == nil) }
      case .float, .double:
        #expect(code.bits(of: .character(65)) == nil)
      default:
        for item: Item in [.double(1), .double(.nan), .character(65)] { #expect(code.bits(of: item) == nil) }
      }
    }
    #expect(
      kind { _ = try Items(.int, [.integer(1), .double(1)], pointer: "/values") } == .invalid(pointer: "/values/1"))
  }

  @Test func notANumberAndTheInfinitiesAreKept() throws {
    for code in [TypeCode.float, .double] {
      let items = try Items(code, [.double(.nan), .double(.infinity), .double(-.infinity)], pointer: "")
      guard case .double(let first) = items[0] else { throw CoreError(.notFound, "no double") }
      #expect(first.isNaN && items[1] == .double(.infinity) && items[2] == .double(-.infinity))
    }
  }

  @Test func aCharacterIsOneOfLatin1() {
    #expect(Item(character: "a") == .character(97))
    #expect(Item(character: "\u{0}") == .character(0))
    #expect(Item(character: "\u{ff}") == .character(255))
    for text in ["", "ab", "\u{100}", "e\u{301}", "\r\n", "🙂"] { #expect(Item(character: text) == nil) }
  }
}
