import DequeModule
import Linux

/// What is handed out, to whom, and how much at once.
extension PoolState {
  /// Gives what is queued to those who can take it.
  mutating func dispatch(_ errands: inout PoolErrands) {
    guard isStaffed else { return }
    if isExec {
      while runs.count + reservedRuns < target, let task = next() {
        reservedRuns += 1
        task.attempts += 1
        errands.runs.append(task)
      }
      return
    }
    while let worker = idle.last, let task = next() {
      idle.removeLast()
      give(task, to: worker, &errands)
    }
  }

  /// More for a worker that has just answered: the next task of what it does, when those are so short that it would wait
  /// for us in between.
  mutating func refill(_ worker: PoolWorker, _ errands: inout PoolErrands) {
    guard worker.phase == .ready else { return }
    if worker.tasks.isEmpty {
      guard let task = next() else { return idle.append(worker) }
      give(task, to: worker, &errands)
    }
    while worker.phase == .ready, let last = worker.tasks.last, worker.tasks.count < window(last.job),
      returned.isEmpty, queue.first === last.job, let task = next()
    {
      give(task, to: worker, &errands)
    }
  }

  /// How many tasks of a job a worker may have at once: so many that they last for a few milliseconds, and fewer towards
  /// the end, that all workers end together. Behind a long task nothing waits while another worker could do it.
  private func window(_ job: Job) -> Int {
    guard let duration = job.book.duration, duration < Self.short else { return 1 }
    let lasting = Int(min(Self.short / max(duration, 1), UInt64(settings.window)))
    return max(1, min(lasting, job.book.work.count / (2 * max(workers.count, 1)) + 1))
  }

  private static let short: UInt64 = 2_000_000

  private mutating func next() -> PoolTask? {
    while let task = returned.popFirst() {
      queuedTasks -= 1
      if task.job.book.isActive { return task }
    }
    while let job = queue.popFirst() {
      job.book.isQueued = false
      guard job.book.isActive, let task = next(of: job) else { continue }
      queuedTasks -= 1
      enqueue(job)
      return task
    }
    return nil
  }

  private mutating func next(of job: Job) -> PoolTask? {
    let book = job.book
    // What is tried again has its room already.
    if let task = book.again.popFirst() { return task }
    guard book.room?.isFull != true else { return nil }
    lastTask += 1
    guard let task = book.work.next(lastTask, of: job) else { return nil }
    book.room?.handOut(task.items.count)
    book.room?.hold(book.work.heldBytes)
    return task
  }

  /// Jobs take turns, so that a long one, or one that fails and is tried again for ever, does not keep a short one waiting.
  mutating func enqueue(_ job: Job) {
    guard job.book.isActive, !job.book.isQueued, job.book.hasWork else { return }
    job.book.isQueued = true
    queue.append(job)
  }

  private mutating func give(_ task: PoolTask, to worker: PoolWorker, _ errands: inout PoolErrands) {
    task.attempts += 1
    worker.given += 1
    worker.tasks.append(task)
    worker.channel.queue(Frame(head: codec.task(task.id, task.job.call, items: task.items), body: task.body))
    if worker.tasks.count == 1 { begin(task, worker, &errands) }
    if worker.given == settings.maxTasksPerChild { leave(worker, &errands) }
    if errands.flushes.last !== worker { errands.flushes.append(worker) }
  }

  /// The worker is in the task from now on.
  func begin(_ task: PoolTask, _ worker: PoolWorker, _ errands: inout PoolErrands) {
    task.begunAt = .now
    if task.job.call.timeout != nil { errands.begun.append((task, worker)) }
  }

  /// Lets a worker finish what it has and exit; another is started beforehand.
  mutating func leave(_ worker: PoolWorker, _ errands: inout PoolErrands) {
    guard worker.phase == .ready else { return }
    worker.phase = .leaving
    idle.removeAll { $0 === worker }
    worker.channel.queue(Frame(head: codec.exit))
    errands.flushes.append(worker)
    fill(&errands)
  }
}
