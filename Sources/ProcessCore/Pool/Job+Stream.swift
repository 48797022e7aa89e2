public import Linux

/// How much of a streamed job may be under way: what is handed out or done, and not fetched.
final class StreamRoom: Sendable {
  /// Items beyond which nothing more is handed out, or handed in.
  static let limit = 4096
  /// The bytes of results that wait beyond which nothing more is handed out, and those of items that wait beyond which
  /// nothing more is handed in.
  static let byteLimit = 8 << 20

  private let items = Atomic(0)
  private let bytes = Atomic(0)
  private let held = Atomic(0)
  private let isStalled = Atomic(false)

  /// Under the pool's lock. One that finds it full is not asked again before `fetched` says so.
  var isFull: Bool {
    guard isOver else { return false }
    isStalled.store(true, ordering: .sequentiallyConsistent)
    // Somebody may have fetched just now and not seen that.
    guard !isOver else { return true }
    isStalled.store(false, ordering: .relaxed)
    return false
  }

  private var isOver: Bool {
    items.load(ordering: .sequentiallyConsistent) >= Self.limit
      || bytes.load(ordering: .sequentiallyConsistent) >= Self.byteLimit
  }

  func handOut(_ count: Int) { items.add(count, ordering: .relaxed) }

  /// So many bytes of items wait. When they become fewer a result comes, at which those who wait for room look again.
  func hold(_ count: Int) { held.store(count, ordering: .relaxed) }

  var takesMore: Bool { held.load(ordering: .relaxed) < Self.byteLimit }

  func came(_ count: Int) { bytes.add(count, ordering: .relaxed) }

  /// True when tasks may be handed out again.
  func fetched(_ count: Int, bytes size: Int) -> Bool {
    items.subtract(count, ordering: .sequentiallyConsistent)
    bytes.subtract(size, ordering: .sequentiallyConsistent)
    return !isOver && isStalled.exchange(false, ordering: .sequentiallyConsistent)
  }
}

extension Job {
  private static let fetchers = Lane.each(3, .get)
  private static let feeders = Lane.inTurn(4, .put)

  /// Takes the results that are there, about `bytes` of them; nil while there are none. Empty when there will be no more:
  /// the error that ended the job is thrown then.
  public func fetch(bytes: Int) throws(CoreError) -> [StreamedResult]? {
    let results = try monitor.change { state throws(CoreError) -> [StreamedResult]? in
      let results = state.fetch(bytes)
      guard results.isEmpty else { return results }
      guard state.isOver else { return nil }
      if let error = state.error { throw error }
      return []
    }
    guard let results else { return nil }
    if book.room?.fetched(results.count, bytes: results.reduce(0) { $0 + $1.count }) == true { pool.goOn(self) }
    return results
  }

  /// Waits until `fetch` gives something.
  public func whenFetchable(
    until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: Self.fetchers, until: deadline,
      { state throws(CoreError) -> Void? in
        guard case .stream(let buffer) = state.results else { return () }
        return state.isOver || !buffer.isEmpty ? () : nil
      }, orPark: completion)
  }

  /// Waits until there is room for more items; `Pool.feed` hands them in then. Those who wait do so in turn.
  public func whenRoom(
    until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: Self.feeders, until: deadline,
      { [book] state throws(CoreError) -> Void? in
        try state.checkOpen()
        return state.unfetched < StreamRoom.limit && book.room?.takesMore != false ? () : nil
      }, orPark: completion)
  }

  /// Throws when it takes no more items.
  public func checkOpen() throws(CoreError) {
    try monitor.read { state throws(CoreError) in try state.checkOpen() }
  }

  /// Whether its results are streamed, and not kept.
  public var isStreamed: Bool { book.room != nil }
}

extension Pool {
  /// Hands in items; after the last of them the job takes no more. `Job.whenRoom` tells when there is room for some: those
  /// who hand in many at once are the ones to ask.
  public func feed(_ job: Job, _ items: ItemList, isLast: Bool) {
    let isOver = decide { state, errands -> Bool in
      let book = job.book
      guard book.isActive, book.isOpen else { return false }
      let count = book.work.feed(items)
      book.room?.hold(book.work.heldBytes)
      book.left += count
      state.queuedTasks += count
      if isLast { book.isOpen = false }
      state.enqueue(job)
      state.dispatch(&errands)
      guard book.left == 0, isLast else { return false }
      state.drop(job)
      state.finish(&errands)
      return true
    }
    job.monitor.change { state in
      state.handedIn += items.count
      state.unfetched += items.count
      if isLast { state.close() }
    }
    if isOver { keep(job) }
  }

  /// There is room for the results of a job again.
  func goOn(_ job: Job) {
    decide { state, errands in
      state.enqueue(job)
      state.dispatch(&errands)
    }
  }
}

extension JobState {
  fileprivate mutating func fetch(_ bytes: Int) -> [StreamedResult] {
    guard case .stream(var buffer) = results else { return [] }
    results = .stored
    var fetched: [StreamedResult] = []
    var size = 0
    while size < bytes, let result = buffer.pop() {
      // With all that is written around it.
      size += result.count + 40
      fetched.append(result)
    }
    results = .stream(buffer)
    unfetched -= fetched.count
    return fetched
  }

  fileprivate func checkOpen() throws(CoreError) {
    guard case .stream = results, total == nil || isOver else {
      throw CoreError(.wrongEnd, "the job takes no more items")
    }
    if isOver { throw error ?? CoreError(.closed, "the job is over") }
  }

  /// All items are handed in.
  fileprivate mutating func close() {
    guard total == nil else { return }
    total = handedIn
    if done == total { end() }
  }
}

extension StreamedResult {
  /// Its bytes.
  var count: Int {
    switch self {
    case .line(_, let text), .value(_, let text): text.count
    case .failure: 0
    }
  }
}
