/// A regular expression that is looked for in lines, in time that grows with the line and the pattern and with nothing else: no
/// pattern and no line can keep a thread busy, as they can where an expression is matched by trying and going back.
///
/// It has characters, `.`, `[a-z]`, `[^…]`, `\d`, `\w`, `\s` and their opposites, `(…)`, `|`, `*`, `+`, `?`, `{n,m}`, `^` and `$`.
/// Bytes are matched, and a class has characters of ASCII alone.
public struct LinePattern: Hashable, Sendable {
  enum Instruction: Sendable {
    case byte(ByteSet)
    /// Goes on at both.
    case split(Int, Int)
    case start
    case end
    case match
  }

  public struct Invalid: Error, CustomStringConvertible {
    public let description: String
  }

  public let text: String
  let program: [Instruction]
  static let maxInstructions = 512

  public init(_ text: String) throws(Invalid) {
    self.text = text
    var parser = LinePatternParser(text)
    program = try LinePattern.compile(try parser.parse())
  }

  public static func == (a: LinePattern, b: LinePattern) -> Bool { a.text == b.text }
  public func hash(into hasher: inout Hasher) { hasher.combine(text) }

  /// Whether it is found anywhere in the line.
  public func isFound(in line: some Collection<UInt8>) -> Bool {
    var now = Threads(program.count), next = Threads(program.count)
    var isAtStart = true
    for byte in line {
      if add(0, to: &now, isAtStart: isAtStart, isAtEnd: false) { return true }
      isAtStart = false
      for place in now.places {
        guard case .byte(let set) = program[place], set.contains(byte) else { continue }
        if add(place + 1, to: &next, isAtStart: false, isAtEnd: false) { return true }
      }
      swap(&now, &next)
      next.removeAll()
    }
    // What holds at the end alone was not followed before.
    let left = now.places
    now.removeAll()
    for place in left + [0] where add(place, to: &now, isAtStart: isAtStart, isAtEnd: true) { return true }
    return false
  }

  /// Adds all that `place` leads to without a byte; true when that is a match.
  private func add(_ place: Int, to threads: inout Threads, isAtStart: Bool, isAtEnd: Bool) -> Bool {
    guard threads.insert(place) else { return false }
    switch program[place] {
    case .byte: return false
    case .match: return true
    case .start: return isAtStart && add(place + 1, to: &threads, isAtStart: isAtStart, isAtEnd: isAtEnd)
    case .end: return isAtEnd && add(place + 1, to: &threads, isAtStart: isAtStart, isAtEnd: isAtEnd)
    case .split(let one, let other):
      return add(one, to: &threads, isAtStart: isAtStart, isAtEnd: isAtEnd)
        || add(other, to: &threads, isAtStart: isAtStart, isAtEnd: isAtEnd)
    }
  }

  /// The places in the program that a match may be at.
  private struct Threads {
    private(set) var places: [Int] = []
    private var isIn: [Bool]

    init(_ count: Int) { isIn = Array(repeating: false, count: count) }

    mutating func insert(_ place: Int) -> Bool {
      guard !isIn[place] else { return false }
      isIn[place] = true
      places.append(place)
      return true
    }

    mutating func removeAll() {
      for place in places { isIn[place] = false }
      places.removeAll(keepingCapacity: true)
    }
  }
}

/// Some of the 256 bytes.
struct ByteSet: Hashable, Sendable {
  private var words: [4 of UInt64] = [0, 0, 0, 0]

  static func == (a: ByteSet, b: ByteSet) -> Bool { a.words.indices.allSatisfy { a.words[$0] == b.words[$0] } }
  func hash(into hasher: inout Hasher) { for index in words.indices { hasher.combine(words[index]) } }

  init(_ bytes: some Sequence<UInt8>) { for byte in bytes { insert(byte) } }

  mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << (byte & 63) }
  mutating func formUnion(_ other: ByteSet) { for index in words.indices { words[index] |= other.words[index] } }
  func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] & (1 << (byte & 63)) != 0 }

  var inverted: ByteSet {
    var inverted = self
    for index in words.indices { inverted.words[index] = ~words[index] }
    return inverted
  }
}
