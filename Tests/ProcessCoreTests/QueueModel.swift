import Linux

@testable import ProcessCore

/// What a queue is, without waiting, locks, memory or time.
struct QueueModel {
  struct Item: Equatable {
    let text: String
    var deliveries = 0
    var returned: Item { Item(text: text, deliveries: deliveries + 1) }
  }

  struct Reserved {
    let receipt: UInt64
    let item: Item
    let session: Int?
    var ends: Int
  }

  let maxsize: Int
  var waiting: [Item] = []
  var putters: [(items: [Item], number: Int)] = []
  var getters: [Int] = []
  var reserved: [Reserved] = []
  var delayed: [(item: Item, ends: Int)] = []
  var underway: [Int: [Item]] = [:]
  var unfinished = 0
  var isClosed = false
  /// What those who waited were given, by their number: an error is nil.
  var told: [Int: [Item]?] = [:]

  var isDrained: Bool { isClosed && waiting.isEmpty && reserved.isEmpty && delayed.isEmpty && underway.isEmpty }

  func hasRoom(_ count: Int) -> Bool { maxsize == 0 || waiting.count + count <= maxsize }

  mutating func settle() {
    var isSettled = false
    while !isSettled {
      isSettled = true
      if let first = putters.first, isClosed || hasRoom(first.items.count) {
        told.updateValue(isClosed ? nil : [], forKey: first.number)
        if !isClosed { put(first.items) }
        putters.removeFirst()
        isSettled = false
      }
      if let first = getters.first, !waiting.isEmpty || isDrained {
        let item = waiting.isEmpty ? nil : waiting.removeFirst()
        told.updateValue(item.map { [$0] }, forKey: first)
        if let item { underway[first] = [item] }
        getters.removeFirst()
        isSettled = false
      }
    }
  }

  mutating func put(_ items: [Item]) {
    waiting += items
    unfinished += items.count
  }

  mutating func putBack(_ items: [Item]) { waiting.insert(contentsOf: items.map(\.returned), at: 0) }

  /// Ends all leases and delays, the earliest first.
  mutating func pass() {
    let over = reserved.map { ($0.ends, $0.item) } + delayed.map { ($0.ends, $0.item) }
    reserved = []
    delayed = []
    for (_, item) in over.sorted(by: { $0.0 < $1.0 }) {
      putBack([item])
      settle()
    }
  }
}

/// What those who waited were told, each of it once.
final class News: Sendable {
  typealias Item = (number: Int, delivery: Delivery?, isError: Bool)
  private let items = Mutex<[Item]>([])

  func tell(_ item: Item) { items.withLock { $0.append(item) } }

  func takeAll() -> [Item] {
    items.withLock { items in
      defer { items = [] }
      return items
    }
  }
}
