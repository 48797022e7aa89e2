import ProcessCore
import Testing

@Suite struct SharedArrayTests {
  private let folder: SharedFolder
  private let space: SharedSpace

  init() throws {
    folder = try SharedFolder()
    space = folder.space()
  }

  private func array(_ code: TypeCode, _ numbers: Int64...) throws -> SharedArray {
    try SharedArray(Items(code, numbers.map { .integer($0) }, pointer: ""), in: space)
  }

  private func integers(_ array: SharedArray, _ slice: PythonSlice = .all) throws -> [Int64] {
    try array.get(slice).map { if case .integer(let value) = $0 { value } else { .min } }
  }

  private func items(_ numbers: Int64...) throws -> Items {
    try Items(.int, numbers.map { .integer($0) }, pointer: "")
  }

  @Test func itBeginsWithZeros() throws {
    for code in TypeCode.allCases {
      let array = try SharedArray(code, count: 1000, in: space)
      #expect(array.memory.byteCount == 1000 * code.size)
      let zero: Item = code == .char ? .character(0) : code == .float || code == .double ? .double(0) : .integer(0)
      #expect(try array.get(.all).allSatisfy { $0 == zero })
    }
  }

  @Test func itemsAreFoundFromBothEnds() throws {
    let array = try array(.int, 10, 11, 12)
    for index in -3...2 { #expect(try array.get(index) == .integer(Int64(10 + (index + 3) % 3))) }
    try array.set(-1, to: .integer(2_147_483_648))
    #expect(try integers(array) == [10, 11, -2_147_483_648])
    for index in [-4, 3, .min, .max] {
      #expect(kind { _ = try array.get(index) } == .noSuchIndex)
      #expect(kind { try array.set(index, to: .integer(1)) } == .noSuchIndex)
      #expect(kind { _ = try array.add(index, .integer(1)) } == .noSuchIndex)
      #expect(
        kind { _ = try array.compareExchange(index, expected: .integer(1), desired: .integer(1)) } == .noSuchIndex)
    }
    #expect(kind { try array.set(0, to: .double(1)) } == .invalid(pointer: "/value"))
    #expect(try array.get(0) == .integer(10))
  }

  @Test func slicesAreReadAndWritten() throws {
    let array = try array(.int, 0, 1, 2, 3, 4, 5, 6)
    #expect(try integers(array, PythonSlice(start: 2, stop: -1)) == [2, 3, 4, 5])
    #expect(try integers(array, PythonSlice(start: 5, stop: 0, step: -2)) == [5, 3, 1])
    #expect(try integers(array, PythonSlice(start: 5, stop: 2)) == [])
    #expect(try integers(array, PythonSlice(start: 100)) == [])
    try array.set(PythonSlice(start: 1, stop: 3), to: items(-1, -2))
    try array.set(PythonSlice(start: -1, step: -2), to: items(60, 50, 40, 30))
    #expect(try integers(array) == [30, -1, 40, 3, 50, 5, 60])
    try array.set(PythonSlice(start: 7), to: items())
  }

  @Test func aSliceIsAssignedAsManyItemsAsItHas() throws {
    let array = try array(.int, 0, 1, 2, 3)
    let wrong = CoreError.Kind.invalid(pointer: "/values")
    #expect(kind { try array.set(.all, to: items(1, 2, 3)) } == wrong)
    #expect(kind { try array.set(.all, to: items(1, 2, 3, 4, 5)) } == wrong)
    #expect(kind { try array.set(PythonSlice(step: 2), to: items(1)) } == wrong)
    #expect(kind { try array.set(PythonSlice(start: 2, stop: 2), to: items(1)) } == wrong)
    #expect(try integers(array) == [0, 1, 2, 3])
  }

  /// Runs of bytes that begin and end between words are copied by the narrower words.
  @Test(arguments: TypeCode.allCases) func slicesOfEverySizeAndPlaceAreExact(_ code: TypeCode) throws {
    let count = 41
    let array = try SharedArray(code, count: count, in: space)
    func item(_ value: Int) -> Item { code == .char ? .character(UInt8(value)) : .integer(Int64(value)) }
    func read(_ value: Int) -> Item { code == .float || code == .double ? .double(Double(value)) : item(value) }
    let before = try Items(code, (0..<count).map { item($0) }, pointer: "")
    for start in 0...count {
      for stop in start...count {
        try array.set(.all, to: before)
        let slice = try PythonSlice(start: start, stop: stop)
        try array.set(slice, to: Items(code, (start..<stop).map { item(127 - $0) }, pointer: ""))
        #expect(try array.get(slice).elementsEqual((start..<stop).map { read(127 - $0) }))
        let expected = (0..<count).map { (start..<stop).contains($0) ? read(127 - $0) : read($0) }
        #expect(try array.get(.all).elementsEqual(expected))
      }
    }
  }

  @Test func anArrayMayBeEmpty() throws {
    let array = try SharedArray(.double, count: 0, in: space)
    #expect(try array.get(.all).isEmpty)
    try array.set(.all, to: Items(.double, [], pointer: ""))
    #expect(kind { _ = try array.get(0) } == .noSuchIndex)
    #expect(kind { _ = try array.get(-1) } == .noSuchIndex)
    #expect(array.memory.isLinked && array.memory.byteCount == 0)
  }

  @Test func aLengthMustBeOneThatCanBe() {
    #expect(kind { _ = try SharedArray(.byte, count: -1, in: space) } == .invalid(pointer: "/length"))
    #expect(kind { _ = try SharedArray(.double, count: .max, in: space) } == .invalid(pointer: "/length"))
    #expect(kind { _ = try SharedArray(.byte, count: .max, in: space) } == .quota)
    #expect(folder.memories == [])
  }
}
