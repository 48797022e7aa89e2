import Linux

extension Pipe {
  struct State: ~Copyable {
    private var ends: InlineArray<2, EndState>

    init() { ends = InlineArray { _ in EndState() } }

    subscript(_ number: Int) -> EndState {
      _read { yield ends[number] }
      _modify { yield &ends[number] }
    }
  }

  /// One end: what was sent to it, and who has it.
  struct EndState: ~Copyable {
    var isOpen = true
    /// By the session, or what else keeps the end open.
    var holders: [ObjectIdentifier: EndHolder] = [:]
    /// Whether somebody ever held it in earnest: then it closes when nobody does any more.
    var wasHeld = false
    /// What the other end sent and nobody has received.
    private(set) var inbox = MessageStore()
    /// How many bytes that is.
    private(set) var buffered = 0
    /// Deliveries of which nobody knows yet whether they arrive.
    var underway = 0

    /// Whether a message of that size may come in. One that is larger than the capacity may when nothing else is in.
    func hasRoom(for size: Int, _ capacity: Int) -> Bool {
      // Messages of no bytes take memory too.
      inbox.isEmpty || (buffered + size <= capacity && inbox.count < Swift.max(1024, capacity / 64))
    }

    mutating func append(_ message: consuming Message) {
      buffered += message.bytes.count
      inbox.append(message)
    }

    mutating func putBack(_ message: consuming Message) {
      buffered += message.bytes.count
      inbox.prepend(message.returned())
    }

    mutating func take() -> Message? {
      guard let message = inbox.popFirst() else { return nil }
      buffered -= message.bytes.count
      return message
    }

    /// Closes it, and says what the messages cost that nobody will receive.
    mutating func close() -> Int {
      isOpen = false
      var cost = 0
      while let message = take() { cost += message.cost }
      return cost
    }
  }

  /// Somebody who keeps an end open.
  struct EndHolder: Sendable {
    let session: Session
    let since = WallTime.now
  }
}
