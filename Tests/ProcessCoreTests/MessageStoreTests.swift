import Linux
import Testing

@testable import ProcessCore

@Suite struct MessageStoreTests {
  private func message(_ text: String) -> Message { Message(Bytes(text)) }

  @Test func itIsWhatADequeIs() {
    var random = SeededRandom(seed: 7)
    var store = MessageStore()
    var model: [(text: String, deliveries: Int)] = []
    var next = 0
    // Phases that grow and phases that shrink, so that the edges of chunks are crossed both ways.
    for step in 0..<60_000 {
      let grows = step / 500 % 2 == 0
      switch random.next(below: 10) {
      case 0..<(grows ? 6 : 2):
        store.append(message("m\(next)"))
        model.append(("m\(next)", 0))
        next += 1
      case 8:
        store.prepend(message("m\(next)").returned())
        model.insert(("m\(next)", 1), at: 0)
        next += 1
      case 9:
        let first = store.first()
        #expect(first?.bytes.text == model.first?.text)
      default:
        let taken = store.popFirst()
        #expect(taken?.bytes.text == model.first?.text && taken?.deliveries == model.first?.deliveries)
        if !model.isEmpty { model.removeFirst() }
      }
      guard store.count == model.count else {
        Issue.record("\(store.count) messages and not \(model.count) in step \(step)")
        return
      }
    }
    while let taken = store.popFirst() { #expect(taken.bytes.text == model.removeFirst().text) }
    #expect(model.isEmpty)
  }

  @Test func aPayloadStaysWhereItIs() {
    var store = MessageStore()
    var addresses: [UnsafeMutableRawPointer] = []
    for size in 1...200 {
      let bytes = Bytes(count: size)
      addresses.append(bytes.start)
      store.append(Message(bytes))
    }
    for (index, address) in addresses.enumerated() {
      let taken = store.popFirst()
      #expect(taken?.bytes.start == address && taken?.bytes.count == index + 1)
    }
  }

  @Test func aPayloadThatSomebodyHoldsIsShared() {
    var store = MessageStore()
    let held = Bytes("held")
    store.append(Message(held))
    var taken = store.popFirst()
    #expect(taken?.bytes === held)
    store.append(message("looked at"))
    let one = store.first(), other = store.first()
    #expect(one != nil && one?.bytes === other?.bytes)
    taken = store.popFirst()
    #expect(taken?.bytes === one?.bytes)
  }

  @Test func whatIsLeftIsFreed() {
    weak var type: ContentType?
    weak var bytes: Bytes?
    do {
      var store = MessageStore()
      let own = ContentType("x/y"), held = Bytes("held")
      (type, bytes) = (own, held)
      for _ in 0..<100 { store.append(Message(Bytes("a"), own)) }
      store.append(Message(held, own))
      _ = store.popFirst()
    }
    #expect(type == nil && bytes == nil)
  }

  @Test func linesAreKnown() {
    var store = MessageStore()
    for (text, type, isLine) in [
      ("1", ContentType.json, true), ("{\n}", .json, false), ("[\r]", .json, false), ("1", .binary, false),
      ("{}", ContentType("application/problem+json; a=b"), true), ("1\n2", .jsonLines, false),
    ] {
      store.append(Message(Bytes(text), type))
      let line = store.nextLine
      #expect((line != nil) == isLine, "\(text) as \(type.text)")
      _ = store.popFirst()
    }
    let none = store.nextLine
    #expect(none == nil)
  }

  @Test func deliveriesAreCountedAsFarAsTheyGo() {
    var store = MessageStore()
    store.append(Message(Bytes("x"), .binary, deliveries: 1 << 30))
    let taken = store.popFirst()
    #expect(taken?.deliveries == 1 << 23 - 1)
  }

  @Test func mediaTypesAreUnderstood() {
    func form(_ text: String) -> ContentType.Form { ContentType(text).form }
    #expect(form("application/json") == .json && form("Application/JSON ; charset=utf-8") == .json)
    #expect(form("application/ld+json") == .json && form("application/x-ndjson; x=y") == .jsonLines)
    #expect(form("text/json") == .other && form("application/jsonx") == .other && form("") == .other)
    for text in ["application/json", "application/octet-stream", "text/plain; charset=utf-8", "text/plain"] {
      let bytes = Bytes(text)
      #expect(ContentType.common(bytes.buffer)?.text == text)
    }
    let odd = Bytes("text/plaim")
    #expect(ContentType.common(odd.buffer) == nil)
  }
}

/// The same numbers for the same seed, so that a failure can be had again.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_F491_4F6C_DD1D
  }

  mutating func next(below limit: Int) -> Int { Int(next() % UInt64(limit)) }
}
