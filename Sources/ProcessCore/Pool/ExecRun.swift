import Glibc
import Linux

/// One task of an *exec* pool: a program, from its start to its end.
final class ExecRun: Sendable {
  let task: PoolTask
  let process: Process
  let startedAt = Deadline.now

  init(_ task: PoolTask, _ process: Process) {
    self.task = task
    self.process = process
  }

  func stop() { try? process.stop(signal: SIGTERM, grace: 1) { _ in } }

  var snapshot: WorkerSnapshot {
    WorkerSnapshot(
      name: process.name, process: process, pid: process.snapshot.pid, state: .busy, tasks: 0, job: task.job.id,
      seconds: Double(Deadline.now.nanoseconds - startedAt.nanoseconds) / 1e9)
  }
}

extension Pool {
  /// Starts the program of a task.
  func run(_ task: PoolTask) {
    guard let command = codec.command(task.job.call, task.body) else {
      let why = CoreError(.invalid(pointer: "/args"), "the arguments of a program are strings and numbers")
      return ended(task, nil, .failure(unstarted(why)))
    }
    var spec = ProcessSpec(command: command.command)
    spec.environment = settings.environment
    spec.limits = settings.limits
    spec.isDaemon = true
    if let stdin = command.stdin { spec.stdin = .text(stdin) }
    if let seconds = command.timeout ?? task.job.call.timeout {
      spec.timeout = ProcessSpec.Timeout(seconds: seconds, signal: SIGTERM, grace: settings.grace)
    }
    let process = Process(Name(unchecked: "\(name):Task-\(task.id)"), spec, in: context, channel: nil)
    let run = ExecRun(task, process)
    let isWanted = decide { state, _ -> Bool in
      guard task.job.book.isActive else { return false }
      task.begunAt = .now
      state.reservedRuns -= 1
      state.runs[ObjectIdentifier(run)] = run
      return true
    }
    guard isWanted else { return ended(task, nil, .failure(CoreError(.cancelled, "the job was cancelled"))) }
    do throws(CoreError) {
      try process.start { result in
        if case .failure(let error) = result { return self.ended(task, run, .failure(self.unstarted(error))) }
        if self.monitor.read({ _ in task.isCancelled || !task.job.book.isActive }) { run.stop() }
        self.await(run)
      }
    } catch { ended(task, run, .failure(unstarted(error))) }
  }

  private func unstarted(_ error: CoreError) -> CoreError {
    CoreError(.taskError(json: codec.error(error)), error.detail)
  }

  /// Waits for its end, then for the end of its output.
  private func await(_ run: ExecRun) {
    let joined = try? run.process.join(until: nil) { { _ in self.awaitOutput(run) } }
    if case .parked = joined { return }
    awaitOutput(run)
  }

  private func awaitOutput(_ run: ExecRun) {
    let end = run.process.outputRange(.both).end
    let waiting = try? run.process.waitForOutput(.both, at: end, until: nil) { { _ in self.awaitOutput(run) } }
    if case .parked = waiting { return }
    if run.process.outputRange(.both).isOpen { return awaitOutput(run) }
    finished(run)
  }

  private func finished(_ run: ExecRun) {
    let process = run.process
    guard let exit = process.snapshot.exit else { return }
    let stdout = process.kept(.stdout)
    let stderr = process.kept(.stderr)
    let result = ExecResult(
      exitcode: Int(exit.status.exitcode ?? 0), stdout: stdout.bytes, stderr: stderr.bytes,
      isTruncated: stdout.isTruncated || stderr.isTruncated)
    let value = codec.line(result)
    if exit.reason == .timeout {
      return ended(run.task, run, .failure(CoreError(.taskTimeout(partial: value.text), "the task took too long")))
    }
    ended(run.task, run, .success(value))
  }

  private func ended(_ task: PoolTask, _ run: ExecRun?, _ result: Result<Bytes, CoreError>) {
    var isError = false
    if case .failure = result { isError = true }
    let outcome = decide { state, errands -> Bool? in
      if run == nil { state.reservedRuns -= 1 }
      state.ended(task)
      if isError, state.retry(task, &errands) { return nil }
      return state.settle(task, isError: isError)
    }
    if let outcome {
      switch result {
      case .failure(let error): fail(task, error, outcome)
      case .success(let value):
        let prefix = #"{"value":"#.utf8.count
        task.job.book.room?.came(value.count)
        task.job.monitor.change { state in
          let line = ResultLine(isError: false, line: 0..<value.count, value: prefix..<value.count - 1)
          state.take(task.items, .lines(value, [line]))
        }
        if outcome { keep(task.job) }
      }
    }
    // Only now, so that whoever joins the pool finds all results.
    decide { state, errands in
      if let run { state.runs[ObjectIdentifier(run)] = nil }
      state.dispatch(&errands)
      state.finish(&errands)
    }
  }
}

extension Process {
  /// What is kept of a stream that has ended.
  fileprivate func kept(_ selection: OutputSelection) -> (bytes: Bytes, isTruncated: Bool) {
    let range = outputRange(selection)
    let bytes = Bytes(count: Int(range.end - range.start))
    var count = 0
    while count < bytes.count,
      case .bytes(let more, _) = readOutput(
        selection, at: range.start + UInt64(count),
        into: UnsafeMutableRawBufferPointer(rebasing: bytes.mutableBuffer[count...]))
    {
      count += more
    }
    bytes.truncate(to: count)
    return (bytes, range.start > 0)
  }
}
