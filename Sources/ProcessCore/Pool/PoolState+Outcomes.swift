import DequeModule
import Linux

/// What becomes of tasks and jobs.
extension PoolState {
  /// A task is off a worker's hands. nil: it had no such task.
  mutating func answered(_ id: UInt64, by worker: PoolWorker, _ errands: inout PoolErrands) -> PoolTask? {
    guard let index = worker.tasks.firstIndex(where: { $0.id == id }) else { return nil }
    let task = worker.tasks.remove(at: index)
    worker.done += 1
    ended(task)
    if let next = worker.tasks.first, index == 0 { begin(next, worker, &errands) }
    return task
  }

  /// A task runs no longer.
  func ended(_ task: PoolTask) {
    if let alarm = task.alarm.take() { alarms.unset(alarm) }
    guard let begunAt = task.begunAt else { return }
    let taken = Deadline.now.nanoseconds - begunAt.nanoseconds
    task.job.book.duration = task.job.book.duration.map { ($0 * 7 + taken) / 8 } ?? taken
  }

  /// Whether a task that failed is tried again.
  mutating func retry(_ task: PoolTask, _ errands: inout PoolErrands) -> Bool {
    let job = task.job
    guard job.book.isActive, !task.isCancelled, task.attempts <= job.call.retries, isStaffed else { return false }
    task.begunAt = nil
    task.hasTimedOut = false
    queuedTasks += 1
    guard job.call.backoff > 0 else {
      tryAgain(task)
      return true
    }
    delayed[task.id] = task
    errands.retries.append((task.id, job.call.backoff * Double(1 << min(task.attempts - 1, 20))))
    return true
  }

  /// A task that failed is handed out again when it is its job's turn.
  mutating func tryAgain(_ task: PoolTask) {
    guard task.job.book.isActive else { return queuedTasks -= 1 }
    task.job.book.again.append(task)
    enqueue(task.job)
  }

  /// A task has an outcome. True when its job is over with that.
  mutating func settle(_ task: PoolTask, isError: Bool) -> Bool {
    let book = task.job.book
    done += 1
    counts.addDone()
    guard book.isActive else { return false }
    book.left -= 1
    guard (book.left == 0 && !book.isOpen) || (isError && task.job.call.stopsOnError) else { return false }
    drop(task.job)
    return true
  }

  /// The job is over: what is queued of it is not handed out any more.
  mutating func drop(_ job: Job) {
    guard job.book.isActive else { return }
    job.book.isActive = false
    active[ObjectIdentifier(job)] = nil
    queuedTasks -= job.book.work.count + job.book.again.count
    queuedBytes -= job.book.bytes
    job.book.work = Work.nothing
    job.book.again = []
  }

  mutating func add(_ job: Job) {
    active[ObjectIdentifier(job)] = job
    queuedTasks += job.book.left
    queuedBytes += job.book.bytes
    enqueue(job)
  }
}
