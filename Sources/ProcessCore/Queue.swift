public import Linux

/// Python's `multiprocessing.Queue` and `JoinableQueue`, for any number of processes, whose messages survive whoever was
/// about to take them.
///
/// First come, first served, among those who put and among those who get. Once `put` has answered, a `get` anywhere sees the
/// message. A message that was given to somebody goes back to the head if it did not arrive, see `Delivery`; one that was
/// reserved stays the queue's until it is acknowledged.
public final class Queue: Resource, Held {
  public struct Settings: Equatable, Sendable {
    /// How many messages may be in; 0: there is no bound.
    public var maxsize: Int
    /// Whether it counts what is not done yet, as Python's `JoinableQueue` does.
    public var isJoinable: Bool
    /// Seconds after which a reservation ends.
    public var lease: Double
    /// How many bytes it may keep, within the service's limit.
    public var maxBytes: Int?

    public init(maxsize: Int = 0, isJoinable: Bool = false, lease: Double = 60, maxBytes: Int? = nil) {
      self.maxsize = maxsize
      self.isJoinable = isJoinable
      self.lease = lease
      self.maxBytes = maxBytes
    }
  }

  /// A queue as it is at one moment.
  public struct Snapshot: Sendable {
    /// Messages that can be had now.
    public let count: Int
    /// Messages that are reserved.
    public let reserved: Int
    /// Messages that come back later.
    public let delayed: Int
    /// Of a joinable queue: messages that were put and are not done.
    public let unfinished: Int?
    public let isClosed: Bool
    /// What counts against `maxBytes`.
    public let bytes: Int
  }

  public static let kind = Kind("Queue", "queues")
  public let identity: ResourceIdentity
  public let settings: Settings
  public let maxBytes: Int
  let monitor: Monitor<State>
  let quota: ByteQuota
  let alarms: Alarms
  /// Counts what is reserved or delayed, of all queues.
  let reservations: Quota
  private let log: EventLog
  private static let putters = Lane.inTurn(0, .put)
  static let getters = Lane.inTurn(1, .get)
  private static let joiners = Lane.each(2, .join)
  private static let watchers = Lane.each(3, .wait)

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ commons: Commons) {
    self.identity = identity
    self.settings = settings
    alarms = commons.alarms
    reservations = commons.reservations
    log = commons.log
    maxBytes = min(settings.maxBytes ?? .max, commons.queueLimits.bytes)
    quota = ByteQuota(maxBytes, of: "the queue", within: commons.queuedBytes)
    let state = State(maxsize: settings.maxsize, limit: commons.queueLimits.messages, isJoinable: settings.isJoinable)
    monitor = Monitor(state, lanes: 4, alarms: commons.alarms)
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> Queue {
    Queue(identity, settings, commons)
  }

  public var snapshot: Snapshot {
    monitor.read { state in
      Snapshot(
        count: state.waiting.count, reserved: state.reservations.count, delayed: state.delayed.count,
        unfinished: state.isJoinable ? state.unfinished : nil, isClosed: state.isClosed, bytes: quota.used)
    }
  }

  // MARK: Putting

  /// Puts a message at the end, once there is room for it. A message that nobody else holds is kept without a copy.
  public func put(
    _ message: consuming Message, for session: Session? = nil, until deadline: Deadline?,
    orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    let cost = message.cost
    try quota.take(cost)
    var message: Message? = consume message  // Else the parameter is held to the end, and the bytes are shared.
    let isPut: Void?
    do throws(CoreError) {
      isPut = try monitor.attemptNow(in: Self.putters, session) { state throws(CoreError) in
        guard try state.hasRoom(for: 1) else { return nil }
        if let message = message.take() { state.append(consume message) }
        return ()
      }
    } catch {
      quota.giveBack(cost)
      throw error
    }
    guard isPut == nil, let message = message.take() else { return .done(()) }
    return try put(Parcel([message], cost, quota), session, deadline, completion)
  }

  /// Puts all of the messages, next to one another, once there is room for all of them.
  public func put(
    all messages: consuming [Message], for session: Session? = nil, until deadline: Deadline?,
    orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    guard settings.maxsize == 0 || messages.count <= settings.maxsize else {
      throw CoreError(
        .invalid(pointer: ""), "\(messages.count) messages never have room in a queue of \(settings.maxsize)")
    }
    let cost = messages.reduce(0) { $0 + $1.cost }
    try quota.take(cost)
    return try put(Parcel(messages, cost, quota), session, deadline, completion)
  }

  private func put(
    _ parcel: Parcel, _ session: Session?, _ deadline: Deadline?, _ completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: Self.putters, until: deadline, for: session,
      { state throws(CoreError) in
        guard try state.hasRoom(for: parcel.count) else { return nil }
        parcel.put(into: &state)
        return ()
      }, orPark: completion)
  }

  /// No more is put from now on; what is in can be had, and then nobody waits for more. May be called again.
  public func close() {
    let wasOpen = monitor.change { state in
      defer { state.isClosed = true }
      return !state.isClosed
    }
    if wasOpen { log.publish("queue.closed", name) }
  }

  // MARK: Getting

  /// Takes the message at the head, once there is one.
  public func get(
    for session: Session? = nil, until deadline: Deadline?, orPark completion: () -> Completion<Delivery>
  ) throws(CoreError) -> Attempted<Delivery> {
    let now = try monitor.attemptNow(in: Self.getters, session) { state throws(CoreError) in
      try state.take().map { self.deliver(&state, $0) }
    }
    if let now { return .done(now) }
    return try monitor.attempt(
      in: Self.getters, until: deadline, for: session,
      { state throws(CoreError) in try state.take().map { self.deliver(&state, $0) } }, orPark: completion)
  }

  /// Takes as many as there are, at most `limit` and about `bytes`, as long as each is JSON on one line. A message that is not
  /// comes alone.
  public func get(
    upTo limit: Int, bytes: Int = 16 << 20, for session: Session? = nil, until deadline: Deadline?,
    orPark completion: () -> Completion<Delivery>
  ) throws(CoreError) -> Attempted<Delivery> {
    try monitor.attempt(
      in: Self.getters, until: deadline, for: session,
      { state throws(CoreError) in
        let isLine = state.waiting.nextLine != nil
        guard let first = try state.take() else { return nil }
        let others = isLine ? state.takeLines(limit - 1, bytes - first.bytes.count) : []
        return self.deliver(&state, first, others, areLines: isLine)
      }, orPark: completion)
  }

  private func deliver(
    _ state: inout State, _ first: Message, _ others: [Message] = [], areLines: Bool = false
  ) -> Delivery {
    state.underway += 1
    return Delivery(first, others, areLines: areLines, of: self)
  }

  /// The message at the head, which stays there.
  public func peek() throws(CoreError) -> Message {
    let message = try monitor.read { state throws(CoreError) -> Message? in
      if let message = state.waiting.first() { return message }
      if state.isDrained { throw .drained }
      return nil
    }
    guard let message else { throw CoreError(.empty, "the queue is empty") }
    return message
  }

  /// Waits until a message could be taken, and takes none.
  public func whenReady(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: Self.watchers, until: deadline, for: session,
      { state throws(CoreError) in state.waiting.isEmpty && !state.isDrained ? nil : () }, orPark: completion)
  }

  // MARK: Counting what is done

  /// Counts `count` messages as done.
  public func taskDone(_ count: Int = 1) throws(CoreError) {
    try checkJoinable()
    try monitor.change { state throws(CoreError) in
      guard count <= state.unfinished else {
        throw CoreError(.overRelease, "task_done() called too many times")
      }
      state.unfinished -= count
    }
  }

  /// Waits until all that was put is done.
  public func join(
    for session: Session? = nil, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try checkJoinable()
    return try monitor.attempt(
      in: Self.joiners, until: deadline, for: session,
      { state throws(CoreError) in state.unfinished == 0 ? () : nil }, orPark: completion)
  }

  private func checkJoinable() throws(CoreError) {
    guard settings.isJoinable else {
      throw CoreError(.notJoinable, "the queue was not made joinable: it does not count what is done")
    }
  }

  /// Throws away what is in, and says how many messages that were. Reserved ones are not in.
  public func purge() -> Int {
    let (count, cost) = monitor.change { state in
      forgetDelayed(state)
      return state.removeAll()
    }
    quota.giveBack(cost)
    return count
  }

  public func end(_ error: CoreError) {
    monitor.end(error)
    let cost = monitor.read { state in
      state.isEnded = true
      forgetDelayed(state)
      var cost = state.removeAll().cost
      for receipt in Array(state.reservations.keys) {
        if let message = remove(receipt, &state) { cost += message.cost }
      }
      return cost
    }
    quota.giveBack(cost)
  }

  private func forgetDelayed(_ state: borrowing State) {
    for delayed in state.delayed.values {
      alarms.unset(delayed.alarm)
      reservations.giveBack()
    }
  }

  public var waiting: [Waiting] { monitor.waiting }
  public var waiterCount: Int { monitor.waiters }
}

/// Messages on their way in. They take their part of the quota while they wait for room, and give it back if they do not
/// find any.
private final class Parcel: @unchecked Sendable {
  // Sendable: `messages` changes under the queue's lock alone.
  private var messages: [Message?]
  private let cost: Int
  private let quota: ByteQuota
  let count: Int

  init(_ messages: [Message], _ cost: Int, _ quota: ByteQuota) {
    self.messages = messages
    self.cost = cost
    self.quota = quota
    count = messages.count
  }

  deinit { if !messages.isEmpty { quota.giveBack(cost) } }

  func put(into state: inout Queue.State) {
    for index in messages.indices {
      if let message = messages[index].take() { state.append(message) }
    }
    messages = []
  }
}
