import DequeModule
import Linux

/// What a job works on.
public enum JobInput: Sendable {
  /// The body of an `apply` frame.
  case call([ByteSlice])
  /// nil: a chunk size such that each worker gets four chunks, as in Python.
  case items(ItemList, chunk: Int?)
  /// The items of the shared array of the call.
  case array(ArrayMap, chunk: Int?)
  /// Items that come later, by `feed`.
  case fed(chunk: Int)
}

/// How the results of a job are wanted.
public enum JobOutput: Sendable {
  /// All at once.
  case whole
  /// One by one, in order or as they come.
  case stream(isOrdered: Bool)
}

extension Pool {
  /// Hands work in. A job that is not `listed` is found by its submitter alone, who waits for it.
  public func submit(
    _ call: Call, _ input: JobInput, _ output: JobOutput = .whole, listed: Bool = false
  ) throws(CoreError) -> Job {
    let (work, total, chunk, bytes) = plan(input)
    let results: JobState.Results =
      switch (output, input) {
      case (.stream(let isOrdered), _): .stream(StreamBuffer(isOrdered: isOrdered))
      case (.whole, .call): .one(nil)
      case (.whole, .array(let map, _)) where map.output != nil: .stored
      case (.whole, _): .list(ValueList.Builder(count: total ?? 0, chunk: chunk))
      }
    var room: StreamRoom?
    if case .stream = output { room = StreamRoom() }
    let book = JobBook(work, bytes: bytes, isOpen: total == nil, room: room)
    return try decide { state, errands throws(CoreError) in
      try state.checkRunning()
      try check(state, book)
      if listed { state.lastJob += 1 }
      let job = Job(listed ? state.lastJob : nil, call, in: self, total: total, results, book)
      if let id = job.id { state.jobs[id] = job }
      if book.left > 0 || book.isOpen {
        state.add(job)
        state.dispatch(&errands)
      } else {
        book.isActive = false
        keep(job)
      }
      return job
    }
  }

  private func plan(_ input: JobInput) -> (Work, total: Int?, chunk: Int, bytes: Int) {
    switch input {
    case .call(let body): return (Work(call: body), 1, 1, body.reduce(0) { $0 + $1.count })
    case .items(let items, let chunk):
      let size = chunkSize(chunk, of: items.count)
      return (Work(items, chunk: size), items.count, size, items.bytes.count)
    case .array(let map, let chunk):
      let size = chunkSize(chunk, of: map.input.count)
      return (Work(0..<map.input.count, chunk: size), map.input.count, size, 0)
    case .fed(let chunk):
      let size = chunkSize(chunk, of: 0)
      return (Work(fedBy: size), nil, size, 0)
    }
  }

  private func chunkSize(_ asked: Int?, of count: Int) -> Int {
    if settings.worker == .exec { return 1 }
    let chunks = 4 * monitor.read { $0.target }
    return min(asked ?? max(1, (count + chunks - 1) / chunks), Work.largestChunk)
  }

  private func check(_ state: borrowing PoolState, _ book: JobBook) throws(CoreError) {
    if state.queuedTasks + book.left > limits.queuedTasks {
      throw CoreError(.quota, "\(limits.queuedTasks) tasks wait already, or would")
    }
    if state.queuedBytes + book.bytes > limits.queuedBytes {
      throw CoreError(.quota, "\(limits.queuedBytes) bytes wait already, or would")
    }
    if state.jobs.count >= limits.jobs { throw CoreError(.quota, "there are \(limits.jobs) jobs already; delete some") }
  }

  public func job(_ id: Int) -> Job? { monitor.read { $0.jobs[id] } }

  /// Those that are listed, in the order in which they were submitted.
  public var jobs: [Job] {
    monitor.read { state in state.jobs.values.sorted { ($0.id ?? 0) < ($1.id ?? 0) } }
  }

  /// Ends a job as `Job.cancel` says.
  func cancel(_ job: Job, _ error: CoreError = CoreError(.cancelled, "the job was cancelled")) -> Bool {
    let wasActive = decide { state, errands -> Bool in
      guard job.book.isActive else { return false }
      for worker in state.workers {
        for task in worker.tasks where task.job === job {
          task.isCancelled = true
          worker.channel.queue(Frame(head: codec.cancel(task.id)))
          if errands.flushes.last !== worker { errands.flushes.append(worker) }
        }
      }
      for run in state.runs.values where run.task.job === job {
        run.task.isCancelled = true
        errands.runsToStop.append(run)
      }
      state.drop(job)
      state.finish(&errands)
      return true
    }
    if wasActive { end(job, error) }
    return wasActive
  }

  /// Cancels a job and takes it off the list.
  public func delete(_ job: Job) {
    _ = cancel(job)
    forget(job)
    job.monitor.end(CoreError(.closed, "the job was deleted"))
  }

  func forget(_ job: Job) {
    let alarm = job.monitor.read { state in state.alarm.take() }
    if let alarm { alarms.unset(alarm) }
    guard let id = job.id else { return }
    monitor.read { state in if state.jobs[id] === job { state.jobs[id] = nil } }
  }

  /// The job is over for this reason.
  func end(_ job: Job, _ error: CoreError) {
    job.monitor.change { $0.end(error) }
    keep(job)
  }

  /// Keeps the result of a job that is over for as long as results are kept.
  func keep(_ job: Job, seconds: Double? = nil) {
    guard job.id != nil else { return }
    let (old, new) = job.monitor.read { state -> (JobExpiry?, JobExpiry) in
      let new = JobExpiry(job)
      defer { state.alarm = new }
      return (state.alarm, new)
    }
    if let old { alarms.unset(old) }
    alarms.set(new, at: .after(seconds: seconds ?? limits.resultSeconds))
  }

  /// Somebody has fetched the result: it is kept a little longer, should the answer have been lost.
  public func wasRead(_ job: Job) { keep(job, seconds: min(limits.readResultSeconds, limits.resultSeconds)) }
}
