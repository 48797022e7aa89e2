import DequeModule
public import Linux

/// What came of a job.
public enum JobResult: Sendable {
  /// Of a call.
  case value(ByteSlice)
  /// Of a map, in the order of its items, and those of them that failed.
  case values(ValueList, [ItemFailure])
  /// They are in the shared array of this name.
  case stored(Name, [ItemFailure])
}

/// Items of a map that have no value: one, or a chunk of a shared array.
public struct ItemFailure: Sendable {
  public let items: Range<Int>
  public let error: CoreError
}

/// What came of a task.
enum TaskOutcome {
  case lines(Bytes, [ResultLine])
  /// All its items have values: where each is in an array.
  case values(Bytes, [Range<Int>])
  /// Its items have been worked on together. What stands for them among the values; nil where those are in shared memory.
  case chunk(ByteSlice?)
  /// None of its items has a result.
  case failed(CoreError)
}

/// How far a job is.
public struct JobProgress: Sendable {
  public let done: Int
  public let failed: Int
  /// nil while items are still to come.
  public let total: Int?
  /// Items a second since it was submitted.
  public let rate: Double
  /// Seconds until it is done at that rate; nil when nothing is done yet.
  public let eta: Double?
  public let isOver: Bool
  /// Python's `successful()`; nil before it is over.
  public let isSuccessful: Bool?
  /// What a task has said last.
  public let report: Bytes?
}

/// One result of a job that is streamed.
public enum StreamedResult: Sendable {
  /// The line `{"value": …}` or `{"error": …}`.
  case line(index: Int, ByteSlice)
  /// A value alone.
  case value(index: Int, ByteSlice)
  case failure(index: Int, CoreError)
}

/// The state of a job, under the lock of its monitor.
struct JobState {
  enum Results {
    case one(ByteSlice?)
    case list(ValueList.Builder)
    /// They are in shared memory.
    case stored
    case stream(StreamBuffer)
  }

  /// nil while items are still to come.
  var total: Int?
  /// Where results are streamed: items whose results were not fetched.
  var unfetched = 0
  /// How many items were handed in by and by.
  var handedIn = 0
  let startedAt = Deadline.now
  var done = 0
  var failed = 0
  var results: Results
  let arrays: ArrayMap?
  var failures: [ItemFailure] = []
  /// The error that ended it.
  var error: CoreError?
  var result: JobResult?
  var endedAt: Deadline?
  /// What a task has said last.
  var report: Bytes?
  /// Counts what followers are told.
  var version = 0
  var toldAt = Deadline(nanoseconds: 0)
  var alarm: JobExpiry?

  var isOver: Bool { endedAt != nil }

  init(total: Int?, _ results: Results, _ arrays: ArrayMap?) {
    self.total = total
    self.results = results
    self.arrays = arrays
    if total == 0 { end() }
  }

  /// What came of a task; `stop` is the error that ends the job with it.
  mutating func take(_ items: Range<Int>, _ outcome: TaskOutcome, stop: CoreError? = nil) {
    guard !isOver else { return }
    done += items.count
    // Its bytes are read where they are.
    withExtendedLifetime(outcome) { add(items, outcome) }
    if let stop { end(stop) } else { changed() }
  }

  private mutating func add(_ items: Range<Int>, _ outcome: TaskOutcome) {
    switch results {
    case .one:
      results = .one(single(outcome))
    case .list(var list):
      results = .stored  // The list has one owner while it grows.
      add(items, outcome, to: &list)
      results = .list(list)
    case .stored:
      if case .failed(let error) = outcome { fail(items, error) }
    case .stream(var buffer):
      results = .stored
      add(items, outcome, to: &buffer)
      results = .stream(buffer)
    }
  }

  /// The result of a call.
  private mutating func single(_ outcome: TaskOutcome) -> ByteSlice? {
    switch outcome {
    case .lines(let body, let lines):
      guard let line = lines.first else { return nil }
      if !line.isError { return ByteSlice(body, line.value) }
      failed += 1
      error = CoreError(taskError: ByteSlice(body, line.value))
    case .values(let body, let places): return places.first.map { ByteSlice(body, $0) }
    case .chunk(let value): return value
    case .failed(let error):
      failed += 1
      self.error = error
    }
    return nil
  }

  private mutating func add(_ items: Range<Int>, _ outcome: TaskOutcome, to list: inout ValueList.Builder) {
    switch outcome {
    case .lines(let body, let lines):
      for (index, line) in zip(items, lines) where line.isError {
        fail(index..<index + 1, CoreError(taskError: ByteSlice(body, line.value)))
      }
      list.set(
        items.lowerBound,
        each: lines.lazy.map { $0.isError ? nil : UnsafeRawBufferPointer(rebasing: body.buffer[$0.value]) })
    case .values(let body, let places):
      guard let first = places.first, let last = places.last else { return }
      list.set(
        items.lowerBound, UnsafeRawBufferPointer(rebasing: body.buffer[first.lowerBound..<last.upperBound]))
    case .chunk(let values): if let values { list.set(items.lowerBound, values.buffer) }
    case .failed(let error):
      let isOneValue = arrays?.isVectorized == true
      list.set(items.lowerBound, each: repeatElement(nil, count: isOneValue ? 1 : items.count))
      if arrays != nil { return fail(items, error) }
      for index in items { fail(index..<index + 1, error) }
    }
  }

  private mutating func add(_ items: Range<Int>, _ outcome: TaskOutcome, to buffer: inout StreamBuffer) {
    switch outcome {
    case .lines(let body, let lines):
      for (index, line) in zip(items, lines) {
        if line.isError { failed += 1 }
        buffer.add(.line(index: index, ByteSlice(body, line.line)), at: index)
      }
    case .values(let body, let places):
      for (index, place) in zip(items, places) { buffer.add(.value(index: index, ByteSlice(body, place)), at: index) }
    case .chunk: break
    case .failed(let error):
      failed += items.count
      for index in items { buffer.add(.failure(index: index, error), at: index) }
    }
  }

  private mutating func fail(_ items: Range<Int>, _ error: CoreError) {
    failed += items.count
    failures.append(ItemFailure(items: items, error: error))
  }

  private mutating func changed() {
    if done == total { return end() }
    let now = Deadline.now
    if now.nanoseconds - toldAt.nanoseconds >= 100_000_000 {
      toldAt = now
      version += 1
    }
  }

  /// It is over, by the last of its results or by an error that ends all of it.
  mutating func end(_ error: CoreError? = nil) {
    guard !isOver else { return }
    endedAt = .now
    version += 1
    if let error { self.error = error }
    switch results {
    case .one(let value): if self.error == nil { result = value.map { .value($0) } }
    case .list(let list):
      if self.error == nil { result = .values(list.finish(), sortedFailures) }
      results = .stored
    case .stored:
      if self.error == nil, let name = arrays?.outputName { result = .stored(name, sortedFailures) }
    case .stream: break
    }
  }

  private var sortedFailures: [ItemFailure] { failures.sorted { $0.items.lowerBound < $1.items.lowerBound } }

  var progress: JobProgress {
    let seconds = Double((endedAt ?? .now).nanoseconds - startedAt.nanoseconds) / 1e9
    let rate = seconds > 0 ? Double(done) / seconds : 0
    let left = total.map { Double($0 - done) }
    let eta: Double? = isOver ? 0 : done > 0 && rate > 0 ? left.map { $0 / rate } : nil
    return JobProgress(
      done: done, failed: failed, total: total, rate: rate, eta: eta, isOver: isOver,
      isSuccessful: isOver ? error == nil && failed == 0 : nil, report: report)
  }
}

/// Results that wait to be fetched: in the order of their items, or as they come.
struct StreamBuffer {
  let isOrdered: Bool
  private var ready: Deque<StreamedResult> = []
  private var early: [Int: StreamedResult] = [:]
  private var next = 0

  init(isOrdered: Bool) { self.isOrdered = isOrdered }

  mutating func add(_ result: StreamedResult, at index: Int) {
    guard isOrdered else { return ready.append(result) }
    early[index] = result
    while let following = early.removeValue(forKey: next) {
      ready.append(following)
      next += 1
    }
  }

  var isEmpty: Bool { ready.isEmpty }

  mutating func pop() -> StreamedResult? { ready.popFirst() }
}
