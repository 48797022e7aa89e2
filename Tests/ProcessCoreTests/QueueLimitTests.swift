import Linux
import Testing

@testable import ProcessCore

/// Over the limits a put fails at once, whatever it would wait for otherwise, and what is not kept does not count.
@Suite struct QueueLimitTests {
  private func limits(messages: Int = 1000, bytes: Int = 1 << 20, total: Int = 1 << 20) -> QueueLimits {
    var limits = QueueLimits()
    (limits.messages, limits.bytes, limits.totalBytes) = (messages, bytes, total)
    return limits
  }

  private let cost = Message(Bytes("x")).cost

  @Test func bytesOfAQueue() throws {
    let test = try QueueUnderTest(.init(), limits(bytes: 3 * cost))
    for _ in 0..<3 { try test.put("x") }
    #expect(kind { try test.put("x") } == .quota)
    #expect(kind { try test.put("") } == .quota)
    // It counts until it has arrived or is acknowledged.
    let delivery = try #require(try test.delivery())
    let reservation = try #require(try test.reserve())
    #expect(kind { try test.put("x") } == .quota)
    try test.queue.acknowledge(reservation.receipt, for: nil)
    try test.put("x")
    #expect(kind { try test.put("x") } == .quota)
    delivery.putBack()
    #expect(test.queue.snapshot.bytes == 3 * cost)
    #expect(try test.rest().count == 3)
    #expect(test.queue.snapshot.bytes == 0)
  }

  @Test func aQueueMayHaveLessThanTheServiceAllows() throws {
    let test = try QueueUnderTest(.init(maxBytes: 2 * cost), limits(bytes: 10 * cost))
    #expect(test.queue.maxBytes == 2 * cost)
    try test.put(all: ["1"])
    try test.put("x")
    #expect(kind { try test.put("x") } == .quota)
    let other = try QueueUnderTest(.init(maxBytes: 20 * cost), limits(bytes: 10 * cost))
    #expect(other.queue.maxBytes == 10 * cost)
  }

  @Test func bytesOfAllQueues() throws {
    let test = try QueueUnderTest(.init(), limits(total: 2 * cost))
    let other = try test.commons.queues.create(nil, .init(), in: test.commons)
    try test.put("x")
    func putToOther() throws { _ = try other.put(Message(Bytes("x")), until: .now, orPark: { { _ in } }) }
    try putToOther()
    #expect(kind { try test.put("x") } == .quota)
    #expect(test.queue.snapshot.bytes == cost, "what the whole refuses the part has not")
    try test.commons.queues.delete(test.queue)
    try putToOther()
    #expect(kind { try putToOther() } == .quota)
  }

  @Test func messages() throws {
    let test = try QueueUnderTest(.init(maxsize: 2), limits(messages: 3))
    try test.put("a")
    let reservation = try #require(try test.reserve())
    try test.queue.giveBack(reservation.receipt, for: nil, delay: 9)
    try test.put("b")
    _ = try test.reserve()
    try test.put("c")
    #expect(kind { try test.put("d") } == .quota, "though there is room")
    #expect(test.queue.snapshot.bytes == 3 * cost)
  }

  /// A million puts that wait must not be a way around the limits.
  @Test func whatWaitsForRoomCounts() throws {
    let test = try QueueUnderTest(.init(maxsize: 1), limits(bytes: 3 * cost))
    try test.put("a")
    var tickets: [Ticket] = []
    for _ in 0..<2 {
      if case .parked(let ticket) = try test.queue.put(Message(Bytes("x")), until: nil, orPark: { { _ in } }) {
        tickets.append(ticket)
      }
    }
    #expect(kind { _ = try test.queue.put(Message(Bytes("x")), until: nil, orPark: { { _ in } }) } == .quota)
    tickets[0].hangUp()
    _ = tickets.removeFirst()
    #expect(test.queue.snapshot.bytes == 2 * cost)
    test.queue.close()
    tickets = []
    #expect(test.queue.snapshot.bytes == cost)
  }

  @Test func aTypeCountsToo() throws {
    let type = ContentType("x/" + String(repeating: "y", count: 1000))
    #expect(Message(Bytes("x"), type).cost > 1000)
  }

  @Test func equalTypesAreOne() throws {
    let test = try QueueUnderTest()
    for _ in 0..<3 { try test.put("x", ContentType("x/y")) }
    let types = try (0..<3).map { _ in try #require(try test.delivery()).first.type }
    #expect(types[0] === types[1] && types[1] === types[2])
  }
}
