import Linux
import ProcessCore
import Testing

@Suite struct AtomicsTests {
  private let folder: SharedFolder
  private let space: SharedSpace

  init() throws {
    folder = try SharedFolder()
    space = folder.space()
  }

  private func value(_ code: TypeCode, _ item: Item) throws -> SharedArray {
    try SharedArray(Items(code, [item], pointer: ""), in: space)
  }

  @Test func addTellsWhatWasAndWhatIs() throws {
    let array = try SharedArray(.int, count: 2, in: space)
    #expect(try array.add(-1, .integer(5)) == (.integer(0), .integer(5)))
    #expect(try array.add(1, .integer(-7)) == (.integer(5), .integer(-2)))
    #expect(try array.get(0) == .integer(0))
    #expect(kind { _ = try array.add(0, .double(1)) } == .invalid(pointer: "/value"))
  }

  @Test func addWrapsAsTheTypeDoes() throws {
    for (code, last, first): (TypeCode, Item, Item) in [
      (.byte, .integer(127), .integer(-128)), (.ubyte, .integer(255), .integer(0)),
      (.short, .integer(32767), .integer(-32768)), (.ushort, .integer(65535), .integer(0)),
      (.int, .integer(2_147_483_647), .integer(-2_147_483_648)), (.uint, .integer(4_294_967_295), .integer(0)),
      (.long, .integer(.max), .integer(.min)), (.ulong, .unsigned(.max), .integer(0)),
      (.longlong, .integer(.max), .integer(.min)), (.ulonglong, .unsigned(.max), .integer(0)),
    ] {
      let value = try value(code, last)
      #expect(try value.add(0, .integer(1)) == (last, first))
      #expect(try value.add(0, .integer(-1)) == (first, last))
    }
  }

  /// As `value.value += 0.1` in Python, which computes in double precision whatever the type.
  @Test func aFloatIsAddedToAsADouble() throws {
    let float = try value(.float, .double(1))
    #expect(try float.add(0, .double(0.1)) == (.double(1), .double(1.100000023841858)))
    #expect(try float.add(0, .double(1e300)).new == .double(.infinity))
    let double = try value(.double, .double(0.5))
    #expect(try double.add(0, .integer(2)) == (.double(0.5), .double(2.5)))
    let character = try SharedArray(.char, count: 1, in: space)
    #expect(kind { _ = try character.add(0, .character(1)) } == .invalid(pointer: "/value"))
  }

  @Test func compareExchangeExchangesWhatIsExpected() throws {
    for code in TypeCode.allCases where code != .char && code != .float && code != .double {
      let value = try value(code, .integer(-1))
      let old = try value.get(0)
      #expect(try value.compareExchange(0, expected: .integer(5), desired: .integer(6)) == (false, old))
      #expect(try value.compareExchange(0, expected: .integer(-1), desired: .integer(6)) == (true, old))
      #expect(try value.get(0) == .integer(6))
    }
    let character = try SharedArray(.char, count: 1, in: space)
    #expect(
      try character.compareExchange(0, expected: .character(0), desired: .character(200)) == (true, .character(0)))
    #expect(
      kind { _ = try character.compareExchange(0, expected: .integer(0), desired: .character(1)) }
        == .invalid(pointer: "/expected"))
    #expect(
      kind { _ = try character.compareExchange(0, expected: .character(0), desired: .integer(1)) }
        == .invalid(pointer: "/desired"))
  }

  @Test(arguments: [TypeCode.float, .double]) func numbersAreComparedAsNumbers(_ code: TypeCode) throws {
    let value = try value(code, .double(-0.0))
    #expect(try value.compareExchange(0, expected: .integer(1), desired: .double(5)).exchanged == false)
    #expect(try value.compareExchange(0, expected: .double(0), desired: .double(.nan)).exchanged)
    // Another NaN than the usual one.
    let negative = [UInt8](repeating: 0xFF, count: code.size)
    try negative.withUnsafeBytes { try value.memory.write(0, from: $0) }
    #expect(try value.compareExchange(0, expected: .double(.nan), desired: .double(0.1)).exchanged)
    #expect(try value.compareExchange(0, expected: .double(0.1), desired: .double(7)).exchanged)
    #expect(try value.get(0) == .double(7))
  }

  @Test(arguments: TypeCode.allCases.filter { $0 != .char }) func noAddIsLost(_ code: TypeCode) throws {
    // In a byte the sum wraps, and is exact all the same.
    let value = try SharedArray(code, count: 3, in: space)
    let (threads, rounds) = (4, 5000)
    try withThreads(named: "adder", count: threads) { _ in
      for _ in 0..<rounds { _ = try? value.add(1, .integer(1)) }
    }
    let sum = try Items(code, [.integer(Int64(threads * rounds))], pointer: "")
    #expect(try value.get(1) == sum[0])
    #expect(try value.get(0) == value.get(2))
  }
}
