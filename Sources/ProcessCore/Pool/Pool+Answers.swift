import DequeModule
import Linux

/// What becomes of a worker's results.
extension Pool {
  /// A worker has a result for a task; no body: it was too long.
  func answered(_ id: UInt64, _ body: Bytes?, _ isArray: Bool, by worker: PoolWorker) {
    var result: ResultBody?
    if let body {
      result = isArray ? codec.values(body.buffer).map { .values($0) } : codec.lines(body.buffer).map { .lines($0) }
      if result == nil { return breach(worker) }
    }
    var isOver = false
    var answer: PoolTask?
    let isKnown = decide { state, errands -> Bool in
      guard let task = state.answered(id, by: worker, &errands) else { return false }
      let isError = result?.endsInError ?? true
      guard result.map({ task.isAnswered(by: $0) }) ?? true else {
        worker.tasks.prepend(task)  // It is lost with its worker.
        return false
      }
      if isError, state.retry(task, &errands) {
        state.dispatch(&errands)
      } else {
        isOver = state.settle(task, isError: isError)
        answer = task
      }
      state.refill(worker, &errands)
      state.finish(&errands)
      return true
    }
    guard isKnown else { return breach(worker) }
    guard let answer else { return }
    deliver(answer, body, result, isOver, by: worker)
  }

  private func deliver(
    _ task: PoolTask, _ body: Bytes?, _ result: ResultBody?, _ isOver: Bool, by worker: PoolWorker
  ) {
    let job = task.job
    guard let body, let result else {
      let why = CoreError(.resultTooLarge, "the result has more than \(limits.resultBytes) bytes")
      return fail(task, why, isOver)
    }
    switch result {
    case .values(let places):
      job.book.room?.came(places.reduce(0) { $0 + $1.count })
      take(task, .values(body, places), isOver)
    case .lines(let lines):
      if task.hasTimedOut, lines.contains(where: \.isError) { return fail(task, .timedOut(task), isOver) }
      if let arrays = job.call.arrays {
        guard let outcome = arrays.outcome(body, lines[0], of: task.items.count, codec) else {
          breach(worker)
          return fail(task, .breach(of: worker), isOver)
        }
        if case .failed(let error) = outcome { return fail(task, error, isOver) }
        return take(task, outcome, isOver)
      }
      let error = job.call.stopsOnError ? lines.last(where: \.isError) : nil
      job.book.room?.came(lines.reduce(0) { $0 + $1.line.count })
      take(task, .lines(body, lines), isOver, stop: error.map { CoreError(taskError: ByteSlice(body, $0.value)) })
    }
  }

  private func take(_ task: PoolTask, _ outcome: TaskOutcome, _ isOver: Bool, stop: CoreError? = nil) {
    task.job.monitor.change { $0.take(task.items, outcome, stop: stop) }
    if isOver { keep(task.job) }
  }

  /// None of the task's items has a result.
  func fail(_ task: PoolTask, _ error: CoreError, _ isOver: Bool) {
    take(task, .failed(error), isOver, stop: task.job.call.stopsOnError ? error : nil)
  }
}

extension PoolTask {
  /// Whether a result is one of this task's: one value for a chunk of a shared array, else one for each item, up to the
  /// first error where that ends the job.
  fileprivate func isAnswered(by result: ResultBody) -> Bool {
    switch result {
    case .values(let places): return job.call.arrays == nil && places.count == items.count
    case .lines(let lines):
      if job.call.arrays != nil { return lines.count == 1 }
      let isCutShort = job.call.stopsOnError && result.endsInError && lines.count < items.count
      return !lines.isEmpty && (lines.count == items.count || isCutShort)
    }
  }
}
