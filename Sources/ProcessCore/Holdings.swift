import DequeModule
import Linux

/// The permits of one resource that are out and that somebody answers for, by token, and those of each owner in the order
/// in which they were given. Giving one and taking it back cost the same, however many there are.
struct Holdings: Sendable {
  private var byToken: [UInt64: Holding] = [:]
  /// The key nil: permits without a session, which a lease ends.
  private var lines: [ObjectIdentifier?: Line] = [:]
  /// How many of them sessions own.
  private(set) var ownedCount = 0

  /// Tokens that are gone stay as gaps until they are half of the line, or come to its head.
  private struct Line: Sendable {
    var tokens: Deque<UInt64> = []
    var count = 0

    mutating func closeGaps(_ byToken: [UInt64: Holding]) {
      while let first = tokens.first, byToken[first] == nil { tokens.removeFirst() }
      if count * 2 < tokens.count { tokens.removeAll { byToken[$0] == nil } }
    }
  }

  /// The tokens of all of them.
  var tokens: [UInt64] { byToken.keys.sorted() }

  subscript(_ token: UInt64) -> Holding? { byToken[token] }

  /// `token` is higher than all before.
  mutating func add(_ token: UInt64, _ holding: Holding) {
    byToken[token] = holding
    lines[key(holding.session), default: Line()].tokens.append(token)
    lines[key(holding.session)]?.count += 1
    if holding.session != nil { ownedCount += 1 }
  }

  mutating func remove(_ token: UInt64) -> Holding? {
    guard let holding = byToken.removeValue(forKey: token) else { return nil }
    if holding.session != nil { ownedCount -= 1 }
    let key = key(holding.session)
    lines[key]?.count -= 1
    lines[key]?.closeGaps(byToken)
    if lines[key]?.count == 0 { lines[key] = nil }
    return holding
  }

  func count(of session: Session?) -> Int { lines[key(session)]?.count ?? 0 }

  /// The tokens of a session, or of nobody, the oldest first.
  func tokens(of session: Session?, limit: Int = .max) -> [UInt64] {
    guard let line = lines[key(session)] else { return [] }
    return Array(line.tokens.lazy.filter { byToken[$0] != nil }.prefix(limit))
  }

  /// Each session that has some.
  var holders: [Holder] {
    lines.values.compactMap { line in
      guard let holding = line.tokens.lazy.compactMap({ byToken[$0] }).first, let session = holding.session else {
        return nil
      }
      return Holder(session: session.name, count: line.count, since: holding.since)
    }
  }

  private func key(_ session: Session?) -> ObjectIdentifier? { session.map { ObjectIdentifier($0) } }
}
