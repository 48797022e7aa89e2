extension LinePattern {
  indirect enum Node {
    case byte(ByteSet)
    case start
    case end
    case sequence([Node])
    case choice([Node])
    case repeated(Node, least: Int, most: Int?)
  }

  static func compile(_ node: Node) throws(Invalid) -> [Instruction] {
    var program: [Instruction] = []
    try emit(node, to: &program)
    program.append(.match)
    return program
  }

  private static func emit(_ node: Node, to program: inout [Instruction]) throws(Invalid) {
    guard program.count < maxInstructions else { throw Invalid(description: "is too large") }
    switch node {
    case .byte(let set): program.append(.byte(set))
    case .start: program.append(.start)
    case .end: program.append(.end)
    case .sequence(let nodes): for node in nodes { try emit(node, to: &program) }
    case .choice(let nodes): try emit(choice: nodes[...], to: &program)
    case .repeated(let node, let least, let most):
      for _ in 0..<least { try emit(node, to: &program) }
      if let most {
        for _ in least..<most { try emitOptional(node, to: &program) }
      } else {
        let start = program.count
        try emitOptional(node, to: &program, thenTo: start)
      }
    }
  }

  private static func emit(choice nodes: ArraySlice<Node>, to program: inout [Instruction]) throws(Invalid) {
    guard let first = nodes.first, nodes.count > 1 else { return try emit(.sequence(Array(nodes)), to: &program) }
    let split = program.count
    program.append(.split(split + 1, 0))
    try emit(first, to: &program)
    let jump = program.count
    program.append(.split(0, 0))
    program[split] = .split(split + 1, program.count)
    try emit(choice: nodes.dropFirst(), to: &program)
    program[jump] = .split(program.count, program.count)
  }

  /// The node or nothing, and after the node what follows, or what is at `place`.
  private static func emitOptional(
    _ node: Node, to program: inout [Instruction], thenTo place: Int? = nil
  ) throws(Invalid) {
    let split = program.count
    program.append(.split(split + 1, 0))
    try emit(node, to: &program)
    if let place { program.append(.split(place, place)) }
    program[split] = .split(split + 1, program.count)
  }
}

/// Reads a pattern's text, by recursive descent.
struct LinePatternParser {
  private var rest: Substring.UnicodeScalarView
  private var depth = 0

  init(_ text: String) { rest = text[...].unicodeScalars }

  mutating func parse() throws(LinePattern.Invalid) -> LinePattern.Node {
    let node = try choice()
    if !rest.isEmpty { throw LinePattern.Invalid(description: "has a ')' too many") }
    return node
  }

  private mutating func choice() throws(LinePattern.Invalid) -> LinePattern.Node {
    var nodes = [try sequence()]
    while take("|") { nodes.append(try sequence()) }
    return nodes.count == 1 ? nodes[0] : .choice(nodes)
  }

  private mutating func sequence() throws(LinePattern.Invalid) -> LinePattern.Node {
    var nodes: [LinePattern.Node] = []
    while let next = rest.first, next != "|", next != ")" {
      var node = try atom()
      while let (least, most) = try repetition() { node = .repeated(node, least: least, most: most) }
      nodes.append(node)
    }
    return .sequence(nodes)
  }

  private mutating func atom() throws(LinePattern.Invalid) -> LinePattern.Node {
    let next = rest.removeFirst()
    switch next {
    case "^": return .start
    case "$": return .end
    case ".": return .byte(ByteSet([]).inverted)
    case "[": return .byte(try members())
    case "(": return try group()
    case "\\": return .byte(try escaped())
    case "*", "+", "?", "{": throw LinePattern.Invalid(description: "has a '\(next)' that repeats nothing")
    default: return .sequence(Array(String(next).utf8).map { .byte(ByteSet([$0])) })
    }
  }

  private mutating func group() throws(LinePattern.Invalid) -> LinePattern.Node {
    if take("?"), !take(":") { throw LinePattern.Invalid(description: "has '(?' without ':'") }
    depth += 1
    if depth > 50 { throw LinePattern.Invalid(description: "is nested too deeply") }
    let node = try choice()
    depth -= 1
    if !take(")") { throw LinePattern.Invalid(description: "lacks a ')'") }
    return node
  }

  private mutating func repetition() throws(LinePattern.Invalid) -> (least: Int, most: Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    guard take("{") else { return nil }
    let least = number()
    let isRange = take(",")
    let isOpen = isRange && rest.first == "}"
    let most = isRange && !isOpen ? number() : least
    guard let least, let most, least <= most, take("}") else {
      throw LinePattern.Invalid(description: "has a '{' that is no {n}, {n,} or {n,m} of numbers up to 100")
    }
    return (least, isOpen ? nil : most)
  }

  private mutating func number() -> Int? {
    let digits = rest.prefix { ("0"..."9").contains($0) }
    rest.removeFirst(digits.count)
    return Int(String(digits)).flatMap { $0 <= 100 ? $0 : nil }
  }

  /// The inside of `[…]`, and its end.
  private mutating func members() throws(LinePattern.Invalid) -> ByteSet {
    let isInverted = take("^")
    var set = ByteSet([])
    var isFirst = true
    while let next = rest.first, next != "]" || isFirst {
      isFirst = false
      rest.removeFirst()
      if next == "\\" {
        set.formUnion(try escaped())
        continue
      }
      let low = try ascii(next)
      var high = low
      if rest.first == "-", let last = rest.dropFirst().first, last != "]" {
        rest.removeFirst(2)
        high = try ascii(last)
      }
      guard low <= high else { throw LinePattern.Invalid(description: "has a range that ends before it begins") }
      set.formUnion(ByteSet(low...high))
    }
    if !take("]") { throw LinePattern.Invalid(description: "lacks a ']'") }
    return isInverted ? set.inverted : set
  }

  private func ascii(_ scalar: Unicode.Scalar) throws(LinePattern.Invalid) -> UInt8 {
    guard scalar.isASCII else { throw LinePattern.Invalid(description: "has a class with more than ASCII") }
    return UInt8(scalar.value)
  }

  private mutating func escaped() throws(LinePattern.Invalid) -> ByteSet {
    guard let next = rest.popFirst() else { throw LinePattern.Invalid(description: "ends with '\\'") }
    let digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))
    var word = ByteSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_".utf8)
    word.formUnion(digits)
    let space = ByteSet(" \t\r\n\u{b}\u{c}".utf8)
    switch next {
    case "d": return digits
    case "D": return digits.inverted
    case "w": return word
    case "W": return word.inverted
    case "s": return space
    case "S": return space.inverted
    case "t": return ByteSet([9])
    case "a"..."z", "A"..."Z", "0"..."9": throw LinePattern.Invalid(description: "has '\\\(next)', which is not known")
    default: return ByteSet([try ascii(next)])
    }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard rest.first == scalar else { return false }
    rest.removeFirst()
    return true
  }
}
