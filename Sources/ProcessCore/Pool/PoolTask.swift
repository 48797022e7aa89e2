import DequeModule
import Linux

/// What a worker is given at once: a call, or a chunk of a job's items.
final class PoolTask: @unchecked Sendable {
  // Sendable: what changes is touched under the pool's lock alone.
  let id: UInt64
  let job: Job
  /// The indices of its items.
  let items: Range<Int>
  let body: [ByteSlice]

  var attempts = 0
  /// When a worker began it, as far as is known.
  var begunAt: Deadline?
  /// Set while it runs, where its time is limited.
  var alarm: TaskAlarm?
  var hasTimedOut = false
  var isCancelled = false

  init(_ id: UInt64, of job: Job, _ items: Range<Int>, _ body: [ByteSlice]) {
    self.id = id
    self.job = job
    self.items = items
    self.body = body
  }

  var bytes: Int { body.reduce(0) { $0 + $1.count } }
}

/// What a job still has to hand out. Touched under the pool's lock alone.
struct Work {
  private enum Source {
    /// A call, with the body of its frame.
    case call([ByteSlice])
    case items(ItemList, chunk: Int, next: Int)
    /// Indices of shared memory.
    case indices(Range<Int>, chunk: Int)
    /// Lists that come one after the other, and the index of the next item.
    case fed(Deque<ItemList>, chunk: Int, next: Int, index: Int)
    case none
  }

  private var source: Source
  /// Bytes of lists that came and are not handed out whole.
  private(set) var heldBytes = 0

  init(call body: [ByteSlice]) { source = .call(body) }

  init(_ items: ItemList, chunk: Int) {
    source = items.count == 0 ? .none : .items(items, chunk: chunk, next: 0)
  }

  /// The items of a shared array.
  init(_ indices: Range<Int>, chunk: Int) {
    source = indices.isEmpty ? .none : .indices(indices, chunk: chunk)
  }

  /// No work.
  static let nothing = Work(ItemList(.empty), chunk: 1)

  /// Items that are still to come.
  init(fedBy chunk: Int) { source = .fed([], chunk: chunk, next: 0, index: 0) }

  /// More items than any body has, and far from the numbers that overflow when they are added to.
  static let largestChunk = 1 << 32

  /// Adds items to those that come, and returns how many tasks they make.
  mutating func feed(_ items: ItemList) -> Int {
    guard case .fed(var lists, let chunk, let next, let index) = source, items.count > 0 else { return 0 }
    source = .call([])  // The lists have one owner while they grow.
    lists.append(items)
    heldBytes += items.bytes.count
    source = .fed(lists, chunk: chunk, next: next, index: index)
    return (items.count + chunk - 1) / chunk
  }

  /// Whether nothing is to be handed out now.
  var isEmpty: Bool {
    switch source {
    case .call, .items, .indices: false
    case .fed(let lists, _, _, _): lists.isEmpty
    case .none: true
    }
  }

  /// How many tasks are still to be made.
  var count: Int {
    switch source {
    case .call: 1
    case .items(let items, let chunk, let next): (items.count - next + chunk - 1) / chunk
    case .indices(let indices, let chunk): (indices.count + chunk - 1) / chunk
    case .fed(let lists, let chunk, let next, _):
      lists.enumerated().reduce(0) { $0 + ($1.element.count - ($1.offset == 0 ? next : 0) + chunk - 1) / chunk }
    case .none: 0
    }
  }

  mutating func next(_ id: UInt64, of job: Job) -> PoolTask? {
    switch source {
    case .none: return nil
    case .call(let body):
      source = .none
      return PoolTask(id, of: job, 0..<1, body)
    case .items(let items, let chunk, let next):
      let end = min(next + chunk, items.count)
      source = end == items.count ? .none : .items(items, chunk: chunk, next: end)
      return PoolTask(
        id, of: job, next..<end, [Self.bracket, items.slice(next..<end), Self.endBracket])
    case .indices(let indices, let chunk):
      let task = indices.prefix(chunk)
      source = task.count == indices.count ? .none : .indices(task.upperBound..<indices.upperBound, chunk: chunk)
      return PoolTask(id, of: job, task, [])
    case .fed(var lists, let chunk, let next, let index):
      guard let items = lists.first else { return nil }
      source = .call([])
      let end = min(next + chunk, items.count)
      if end == items.count {
        lists.removeFirst()
        heldBytes -= items.bytes.count
      }
      source = .fed(lists, chunk: chunk, next: end == items.count ? 0 : end, index: index + end - next)
      return PoolTask(
        id, of: job, index..<index + end - next, [Self.bracket, items.slice(next..<end), Self.endBracket])
    }
  }

  private static let bracket = ByteSlice(Bytes("["))
  private static let endBracket = ByteSlice(Bytes("]"))
}
