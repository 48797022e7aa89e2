/// The tokens that were presented last and are let in, each in the place that its own bytes choose.
struct RecentTokens {
  private var places = InlineArray<8, Place?>(repeating: nil)

  private struct Place {
    let token: ShortToken
    let caller: Caller
  }

  func caller(presenting token: ShortToken) -> Caller? {
    guard let place = places[token.place], place.token.isEqualInConstantTime(to: token) else { return nil }
    return place.caller
  }

  mutating func note(_ token: ShortToken, _ caller: Caller) {
    places[token.place] = Place(token: token, caller: caller)
  }
}

/// The bytes of a token that is not longer than those that the service makes.
struct ShortToken {
  private var words = InlineArray<8, UInt64>(repeating: 0)
  private let count: Int

  init?(_ token: UnsafeRawBufferPointer) {
    guard token.count <= 64 else { return nil }
    count = token.count
    withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: token) }
  }

  /// Tokens are random: any of their bits would do.
  var place: Int { Int(truncatingIfNeeded: words[0] >> 8 & 7) }

  func isEqualInConstantTime(to other: ShortToken) -> Bool {
    var difference = UInt64(truncatingIfNeeded: count ^ other.count)
    for index in 0..<8 { difference |= words[index] ^ other.words[index] }
    return difference == 0
  }
}
