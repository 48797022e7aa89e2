public import Linux

/// One of the two ends of a pipe: Python's `multiprocessing.connection.Connection`.
///
/// Whoever knows the pipe may use an end that is open. Sessions and processes that hold it keep it open: it closes when the
/// last of them has closed it or has ended. One that nobody ever held is closed by the first `close`.
public final class PipeEnd: Sendable {
  /// An end as it is at one moment.
  public struct Snapshot: Sendable {
    public let isOpen: Bool
    public let holders: Int
    /// What was sent to it and nobody has received, in messages and in bytes.
    public let messages: Int
    public let bytes: Int
    /// How many callers wait in each operation.
    public let receiving: Int
    public let sending: Int
    public let polling: Int
  }

  public let number: Int
  public let canSend: Bool
  public let canReceive: Bool
  let pipe: Name
  private let capacity: Int
  let monitor: Monitor<Pipe.State>
  let quota: ByteQuota
  /// How many ends sessions may hold in all.
  let holds: Quota
  let log: EventLog
  private let receivers: Lane
  private let senders: Lane
  private let pollers: Lane
  private let watchers: Lane
  static let laneCount = 4

  init(_ number: Int, of pipe: Name, _ settings: Pipe.Settings, _ monitor: Monitor<Pipe.State>, _ commons: Commons) {
    self.number = number
    self.pipe = pipe
    self.monitor = monitor
    canReceive = settings.isDuplex || number == 0
    canSend = settings.isDuplex || number == 1
    capacity = settings.capacity
    quota = commons.queuedBytes
    holds = commons.permits
    log = commons.log
    let first = number * Self.laneCount
    receivers = .inTurn(first, .recv)
    senders = .inTurn(first + 1, .send)
    pollers = .each(first + 2, .poll)
    watchers = .each(first + 3, .wait)
  }

  private var other: Int { 1 - number }

  public var snapshot: Snapshot {
    let (receiving, sending, polling) = (
      monitor.count(in: receivers), monitor.count(in: senders), monitor.count(in: pollers)
    )
    return monitor.read { state in
      Snapshot(
        isOpen: state[number].isOpen, holders: state[number].holders.count, messages: state[number].inbox.count,
        bytes: state[number].buffered, receiving: receiving, sending: sending, polling: polling)
    }
  }

  // MARK: Sending

  /// Sends a message to the other end, once there is room for it. A message that nobody else holds is kept without a copy.
  public func send(
    _ message: consuming Message, for session: Session? = nil, until deadline: Deadline?,
    orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    let cost = message.cost
    try quota.take(cost)
    var message: Message? = message
    let isSent: Void?
    do throws(CoreError) {
      isSent = try monitor.attemptNow(in: senders, session) { state throws(CoreError) in try send(&message, &state) }
    } catch {
      quota.giveBack(cost)
      throw error
    }
    guard isSent == nil, let message = message.take() else { return .done(()) }
    let parcel = PipeParcel(message, quota)
    return try monitor.attempt(
      in: senders, until: deadline, for: session,
      { state throws(CoreError) in try self.send(&parcel.message, &state) }, orPark: completion)
  }

  private func send(_ message: inout Message?, _ state: inout Pipe.State) throws(CoreError) -> Void? {
    try checkSend(state)
    guard let size = message?.bytes.count, state[other].hasRoom(for: size, capacity) else { return nil }
    if let message = message.take() { state[other].append(message) }
    return ()
  }

  private func checkSend(_ state: borrowing Pipe.State) throws(CoreError) {
    try checkOpen(state)
    guard canSend else { throw CoreError(.wrongEnd, "end \(number) of the pipe only receives") }
    guard state[other].isOpen else { throw CoreError(.brokenPipe, "the other end of the pipe is closed") }
  }

  // MARK: Receiving

  /// Receives the message at the head, once there is one. One of more than `maxLength` bytes stays where it is.
  public func receive(
    maxLength: Int = .max, for session: Session? = nil, until deadline: Deadline?,
    orPark completion: () -> Completion<Delivery>
  ) throws(CoreError) -> Attempted<Delivery> {
    let now = try monitor.attemptNow(in: receivers, session) { state throws(CoreError) in
      try receive(maxLength, &state)
    }
    if let now { return .done(now) }
    return try monitor.attempt(
      in: receivers, until: deadline, for: session,
      { state throws(CoreError) in try self.receive(maxLength, &state) }, orPark: completion)
  }

  private func receive(_ maxLength: Int, _ state: inout Pipe.State) throws(CoreError) -> Delivery? {
    try checkReceive(state)
    if let size = state[number].inbox.nextSize, size > maxLength {
      throw CoreError(.bufferTooShort(length: size), "the next message has \(size) bytes")
    }
    guard let message = state[number].take() else {
      if isAtEnd(state) { throw CoreError(.endOfFile, "the other end of the pipe is closed, and nothing is in") }
      return nil
    }
    state[number].underway += 1
    return Delivery(message, of: self)
  }

  /// Waits until a `receive` would not have to; Python's `poll`. It would not at the end either.
  public func poll(
    for session: Session? = nil, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: pollers, until: deadline, for: session,
      { state throws(CoreError) in
        try self.checkReceive(state)
        return state[self.number].inbox.isEmpty && !self.isAtEnd(state) ? nil : ()
      }, orPark: completion)
  }

  private func checkReceive(_ state: borrowing Pipe.State) throws(CoreError) {
    try checkOpen(state)
    guard canReceive else { throw CoreError(.wrongEnd, "end \(number) of the pipe only sends") }
  }

  func checkOpen(_ state: borrowing Pipe.State) throws(CoreError) {
    guard state[number].isOpen else { throw CoreError(.closed, "this end of the pipe is closed") }
  }

  /// What somebody may still give back is not received yet.
  private func isAtEnd(_ state: borrowing Pipe.State) -> Bool {
    !state[other].isOpen && state[number].inbox.isEmpty && state[number].underway == 0
  }
}

extension PipeEnd: Deliverer {
  func arrived(_ cost: Int) {
    monitor.change { $0[number].underway -= 1 }
    quota.giveBack(cost)
  }

  func putBack(_ delivery: Delivery) {
    let isKept = monitor.change { state in
      state[number].underway -= 1
      if state[number].isOpen { state[number].putBack(delivery.first) }
      return state[number].isOpen
    }
    if !isKept { quota.giveBack(delivery.cost) }
  }
}

extension PipeEnd: Selectable {
  /// As `poll`; of an end that only sends: until a `send` of little would not have to wait.
  public func whenReady(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: watchers, until: deadline, for: session,
      { state throws(CoreError) in
        try self.checkOpen(state)
        if self.canReceive { return state[self.number].inbox.isEmpty && !self.isAtEnd(state) ? nil : () }
        return state[self.other].hasRoom(for: 1, self.capacity) || !state[self.other].isOpen ? () : nil
      }, orPark: completion)
  }
}

/// A message on its way in. It takes its part of the quota while it waits for room, and gives it back if it does not find any.
private final class PipeParcel: @unchecked Sendable {
  // Sendable: `message` changes under the pipe's lock alone.
  var message: Message?
  private let quota: ByteQuota

  init(_ message: consuming Message, _ quota: ByteQuota) {
    self.message = message
    self.quota = quota
  }

  deinit { if let message { quota.giveBack(message.cost) } }
}
