import Linux

extension Queue {
  struct State: ~Copyable {
    let maxsize: Int
    /// How many messages there may be, wherever they are.
    let limit: Int
    let isJoinable: Bool
    var waiting = MessageStore()
    var isClosed = false
    var isEnded = false
    /// Messages that were put and are not done, of a joinable queue.
    var unfinished = 0
    /// Deliveries of which nobody knows yet whether they arrive.
    var underway = 0
    /// By receipt.
    var reservations: [UInt64: Reserved] = [:]
    /// The receipts of each session.
    var owned: [ObjectIdentifier: Set<UInt64>] = [:]
    /// Messages that come back later, by the number of their last receipt.
    var delayed: [UInt64: Delayed] = [:]
    /// The last receipt that was given. The first is no number that a client could have of an earlier queue of this name.
    var lastReceipt = UInt64.random(in: 0...UInt64.max)
    /// That of the last message: clients tend to send the same again, and one object is enough for all of them.
    private var lastType = ContentType.binary

    init(maxsize: Int, limit: Int, isJoinable: Bool) {
      self.maxsize = maxsize
      self.limit = limit
      self.isJoinable = isJoinable
    }

    /// Throws when there never will be.
    func hasRoom(for count: Int) throws(CoreError) -> Bool {
      if isClosed { throw CoreError(.closed, "the queue is closed") }
      guard waiting.count + reservations.count + delayed.count + count <= limit else {
        throw CoreError(.quota, "a queue may have at most \(limit) messages")
      }
      return maxsize == 0 || waiting.count + count <= maxsize
    }

    mutating func append(_ message: consuming Message) {
      if isJoinable { unfinished += 1 }
      if message.type !== lastType {
        if message.type.text != lastType.text { lastType = message.type }
        message.type = lastType
      }
      waiting.append(consume message)
    }

    /// Puts a message that did not arrive where it came from.
    mutating func putBack(_ message: consuming Message) { waiting.prepend(message.returned()) }

    /// The next message, nil when there is none yet; throws when there never will be.
    mutating func take() throws(CoreError) -> Message? {
      if let message = waiting.popFirst() { return message }
      if isDrained { throw .drained }
      return nil
    }

    mutating func takeLines(_ limit: Int, _ bytes: Int) -> [Message] {
      var messages: [Message] = []
      var rest = bytes
      while messages.count < limit, let size = waiting.nextLine, size < rest, let message = waiting.popFirst() {
        rest -= size + 1
        messages.append(message)
      }
      return messages
    }

    /// Whether nothing can be had any more. What somebody may still give back, can.
    var isDrained: Bool {
      isClosed && waiting.isEmpty && underway == 0 && reservations.isEmpty && delayed.isEmpty
    }

    mutating func finish(_ count: Int) { unfinished = max(0, unfinished - count) }

    /// What is in, delayed messages included, counts as done: nobody else will say so.
    mutating func removeAll() -> (count: Int, cost: Int) {
      var (count, cost) = (delayed.count, delayed.values.reduce(0) { $0 + $1.message.cost })
      delayed = [:]
      while let message = waiting.popFirst() {
        count += 1
        cost += message.cost
      }
      finish(count)
      return (count, cost)
    }
  }
}

extension CoreError {
  static let drained = CoreError(.closed, "the queue is closed, and nothing is in it any more")
}
