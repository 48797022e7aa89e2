import JSONCodec
import Testing

/// Random documents with one flaw each, and the pointer to it known from where it was put.
@Suite struct PointerTests {
  private struct Maker {
    var random: SplitMix
    /// Values that are still to come before the flaw.
    var left: Int
    var flaw: String
    var found: String?

    static let flaws = ["99999999999999999999", "-9223372036854775809", "1e400", "-2.5E999", "twice", "nul"]
    static let names = [
      "a", "cpu_seconds", "x/y", "~", "é", "😀\\n", "\\u00e9\\\"", "", "a b", "\\\\", "0", "{", "]", "1e400",
    ]
    static let pointers = [
      "a", "cpu_seconds", "x~1y", "~0", "é", "😀\n", "é\"", "", "a b", "\\", "0", "{", "]", "1e400",
    ]

    mutating func space() -> String { ["", "", " ", "\n", "\t \r\n"][random.below(5)] }

    mutating func value(_ pointer: String, depth: Int) -> String {
      let before = space()
      defer { left -= 1 }
      if left == 0, flaw != "twice", flaw != "nul" {
        found = pointer
        return before + flaw + space()
      }
      switch depth == 0 ? random.below(5) : random.below(9) {
      case 0: return before + "12345" + space()
      case 1: return before + "\"1e400 \\\" } \\u0041 é\"" + space()
      case 2: return before + "-0.5e-3" + space()
      case 3: return before + "null" + space()
      case 4: return before + "\"\"" + space()
      case 5, 6: return before + object(pointer, depth: depth - 1) + space()
      default:
        let count = random.below(5)
        var elements: [String] = []
        for index in 0..<count { elements.append(value("\(pointer)/\(index)", depth: depth - 1)) }
        return before + "[" + (count == 0 ? space() : elements.joined(separator: ",")) + "]" + space()
      }
    }

    mutating func object(_ pointer: String, depth: Int) -> String {
      var members: [String] = []
      for index in Maker.names.indices.prefix(random.below(Maker.names.count)) {
        let name = "\(pointer)/\(Maker.pointers[index])"
        members.append("\(space())\"\(Maker.names[index])\"\(space()):\(value(name, depth: depth))")
        guard left <= 0, found == nil else { continue }
        if flaw == "twice" {
          found = name
          members.append("\"\(Maker.names[index])\":\(space())0")
        } else if flaw == "nul" {
          found = "\(pointer)/z\u{0}"
          members.append("\(space())\"z\\u0000\":\(space())[{}]")
        }
      }
      return "{" + (members.isEmpty ? space() : members.joined(separator: ",")) + "}"
    }
  }

  private struct SplitMix {
    var state: UInt64

    mutating func below(_ limit: Int) -> Int {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return Int((mixed ^ (mixed >> 31)) % UInt64(limit))
    }
  }

  @Test(arguments: Maker.flaws) func theMemberThatIsTooMuchIsNamed(flaw: String) {
    var flawed = 0
    for seed in 0..<1000 {
      var maker = Maker(random: SplitMix(state: UInt64(seed)), left: seed % 40, flaw: flaw)
      let json = maker.object("", depth: 4)
      let error = Array(json.utf8).withUnsafeBytes { bytes -> JSONError? in
        do throws(JSONError) { _ = try Fields(bytes) } catch { return error }
        return nil
      }
      guard let pointer = maker.found else {
        #expect(error == nil, "\(json)")
        continue
      }
      flawed += 1
      guard error?.pointer == pointer else {
        Issue.record("\(json)\n\(error.debugDescription) is not at \(pointer)")
        return
      }
    }
    #expect(flawed > 200)
  }
}
