import Glibc
import Linux

/// Ends a task whose time is up: a worker is asked to cancel it, and is killed when it does not.
final class TaskAlarm: Alarm, @unchecked Sendable {
  // Sendable: its fields never change.
  private let pool: Pool
  private let task: PoolTask
  private let worker: PoolWorker

  init(_ pool: Pool, _ task: PoolTask, _ worker: PoolWorker) {
    self.pool = pool
    self.task = task
    self.worker = worker
  }

  override func ring() { pool.timeIsUp(task, worker, self) }
}

/// Tries a task again.
final class RetryAlarm: Alarm, @unchecked Sendable {
  // Sendable: its fields never change.
  private let pool: Pool
  private let task: UInt64

  init(_ pool: Pool, _ task: UInt64) {
    self.pool = pool
    self.task = task
  }

  override func ring() {
    pool.decide { state, errands in
      guard let task = state.delayed.removeValue(forKey: task) else { return }
      state.tryAgain(task)
      state.dispatch(&errands)
    }
  }
}

/// Starts workers again after a start that failed.
final class PauseAlarm: Alarm, @unchecked Sendable {
  // Sendable: its field never changes.
  private let pool: Pool

  init(_ pool: Pool) { self.pool = pool }

  override func ring() {
    pool.decide { state, errands in
      state.isPaused = false
      state.fill(&errands)
    }
  }
}

extension Pool {
  /// The task's time begins, unless it is over already.
  func limit(_ task: PoolTask, _ worker: PoolWorker) {
    guard let timeout = task.job.call.timeout else { return }
    let alarm = TaskAlarm(self, task, worker)
    monitor.read { _ in
      guard worker.tasks.first === task, task.alarm == nil else { return }
      task.alarm = alarm
      alarms.set(alarm, at: .after(seconds: timeout))
    }
  }

  fileprivate func timeIsUp(_ task: PoolTask, _ worker: PoolWorker, _ alarm: TaskAlarm) {
    let isToKill = decide { state, errands -> Bool? in
      guard worker.tasks.first === task, task.alarm === alarm else { return nil }
      if task.hasTimedOut { return true }
      task.hasTimedOut = true
      worker.channel.queue(Frame(head: codec.cancel(task.id)))
      errands.flushes.append(worker)
      alarms.set(alarm, at: .after(seconds: settings.grace))
      return false
    }
    guard let isToKill else { return }
    if isToKill {
      try? worker.process.kill()
      return
    }
    // A program that is not Python may know nothing of this signal and end by it, with the task.
    if case .python = settings.worker { try? worker.process.signal(SIGINT) }
  }
}
