import CLinux
import DequeModule
import Glibc
import Linux

extension Pool {
  /// Does what was decided.
  func perform(_ errands: PoolErrands) {
    for worker in errands.flushes { worker.channel.flush() }
    for (task, worker) in errands.begun { limit(task, worker) }
    for (task, seconds) in errands.retries { alarms.set(RetryAlarm(self, task), at: .after(seconds: seconds)) }
    if let seconds = errands.pause { alarms.set(PauseAlarm(self), at: .after(seconds: seconds)) }
    for (job, error) in errands.ended { end(job, error) }
    for _ in 0..<errands.starts { start(round: errands.round) }
    for task in errands.runs { run(task) }
    for run in errands.runsToStop { run.stop() }
    for (worker, signal, grace) in errands.stops {
      // One that is not running yet is stopped when it is, one that has ended needs no end.
      try? worker.process.stop(signal: signal, grace: grace) { _ in }
    }
    if let error = errands.isBroken {
      context.log.publish("pool.broken", name, [("detail", .text(error.detail))])
    }
    if let error = errands.stillborn { try? commons.pools.delete(self, error) }
  }

  // MARK: Starting

  private func start(round: Int) {
    let number = monitor.read { state in
      state.lastWorker += 1
      return state.lastWorker
    }
    let name = Name(unchecked: "PoolWorker-\(number)")
    do throws(CoreError) {
      let worker = try make(name, round: round)
      decide { state, _ in
        state.unborn -= 1
        state.workers.append(worker)
      }
      do throws(CoreError) {
        try worker.process.start { result in
          if case .failure(let error) = result { return self.gone(worker, error) }
          self.started(worker)
        }
      } catch { gone(worker, error) }
    } catch {
      decide { state, errands in
        state.unborn -= 1
        state.startFailed(error, round: round, &errands)
      }
    }
  }

  private func make(_ name: Name, round: Int) throws(CoreError) -> PoolWorker {
    let ends: (ours: CInt, theirs: CInt)
    do throws(SystemError) { ends = try socketPair() } catch {
      throw CoreError(.spawn(step: "fds", error), "the worker's channel: \(error)")
    }
    var spec = ProcessSpec(command: command)
    spec.environment = settings.environment
    spec.limits = settings.limits
    spec.isDaemon = true
    // No client can give a process this name, so that the worker's token acts for nobody else.
    let process = Process(
      Name(unchecked: "\(self.name):\(name)"), spec, in: context, channel: FileDescriptor(owning: ends.theirs))
    let channel = WorkerChannel(owning: ends.ours, on: context.channels, bodyLimit: limits.resultBytes)
    let worker = PoolWorker(name, process, channel, round: round)
    let hello = codec.hello(settings, pool: self.name, worker: name)
    channel.queue(Frame(head: hello.head, body: [ByteSlice(hello.body)]))
    return worker
  }

  private var command: [String] {
    switch settings.worker {
    case .python(let executable, _, _): [executable ?? "python3", "-c", codec.pythonProgram]
    case .command(let command): command
    case .exec: []
    }
  }

  /// Its program runs.
  private func started(_ worker: PoolWorker) {
    context.log.publish(
      "pool.worker_started", name,
      [("worker", .text(worker.name.text)), ("pid", .integer(Int(worker.process.snapshot.pid ?? 0)))])
    do throws(SystemError) {
      try worker.channel.watch { head, body in
        self.received(head, body, from: worker)
      } ended: { isBroken in
        self.hungUp(worker, isBroken: isBroken)
      }
    } catch { try? worker.process.kill() }
    worker.channel.flush()
    let joined = try? worker.process.join(until: nil) { { _ in self.gone(worker, nil) } }
    if case .parked = joined {} else { gone(worker, nil) }
    // It may have been told to end before there was anything to end.
    if monitor.read({ _ in worker.phase == .stopping }) {
      try? worker.process.stop(signal: SIGTERM, grace: 1) { _ in }
    }
  }

  // MARK: Hearing from them

  /// On the thread that reads the channels, or where its end is seen; not both at once.
  private func received(_ head: UnsafeRawBufferPointer, _ body: Bytes?, from worker: PoolWorker) {
    switch codec.message(head) {
    case .result(let id, _, let isArray): answered(id, body, isArray, by: worker)
    case .ready(let version) where version == 1: decide { state, errands in state.isReady(worker, &errands) }
    case .failed:
      guard let body, codec.isValue(body.buffer) else { return breach(worker) }
      let error = CoreError(taskError: ByteSlice(body))
      monitor.read { _ in worker.failure = error }
    case .started: break  // Tasks are done in order, so that this is known.
    case .progress(let id): report(id, body, worker)
    case .ready, nil: breach(worker)
    }
  }

  private func report(_ id: UInt64, _ body: Bytes?, _ worker: PoolWorker) {
    guard let body, codec.isValue(body.buffer) else { return breach(worker) }
    let job = monitor.read { _ in worker.tasks.first { $0.id == id }?.job }
    job?.monitor.change { state in
      guard !state.isOver else { return }
      state.report = body
      state.version += 1
    }
  }

  /// It does not keep to the protocol.
  func breach(_ worker: PoolWorker) {
    monitor.read { _ in worker.hasBreached = true }
    try? worker.process.kill()
  }

  /// Nothing more comes from it: it is about to end, or is ended.
  private func hungUp(_ worker: PoolWorker, isBroken: Bool) {
    if isBroken { return breach(worker) }
    alarms.set(HangUpAlarm(worker), at: .after(seconds: 1))
  }

  // MARK: Their end

  /// It has ended, or could not be started.
  private func gone(_ worker: PoolWorker, _ startError: CoreError?) {
    worker.channel.finish()  // What it said before it died counts.
    let exit = worker.process.snapshot.exit
    let lost = CoreError(losing: worker, exit)
    let failed = decide { state, errands -> (PoolTask, CoreError, Bool)? in
      guard worker.phase != .ended else { return nil }
      let phase = worker.phase
      worker.phase = .ended
      state.workers.removeAll { $0 === worker }
      state.idle.removeAll { $0 === worker }
      if state.replaced === worker { state.replaced = nil }
      let failed = state.lose(worker, lost, &errands)
      if phase == .starting {
        state.startFailed(startError ?? worker.failure ?? lost, round: worker.round, &errands)
      } else {
        state.fill(&errands)
      }
      state.replaceNext(&errands)
      state.dispatch(&errands)
      state.finish(&errands)
      return failed
    }
    if startError == nil {
      context.log.publish(
        "pool.worker_ended", name,
        [("worker", .text(worker.name.text)), ("exitcode", .integer(Int(exit?.status.exitcode ?? 0)))])
    }
    if let (task, error, isOver) = failed { fail(task, error, isOver) }
  }
}

extension PoolState {
  /// The task that a worker was in when it ended fails, or is tried again; those that it had not begun go back.
  mutating func lose(
    _ worker: PoolWorker, _ error: CoreError, _ errands: inout PoolErrands
  ) -> (PoolTask, CoreError, Bool)? {
    guard let current = worker.tasks.popFirst() else { return nil }
    for task in worker.tasks.reversed() where task.job.book.isActive {
      task.attempts -= 1
      task.begunAt = nil
      queuedTasks += 1
      returned.prepend(task)
    }
    worker.tasks = []
    ended(current)
    lost += 1
    counts.addLost()
    let why = current.hasTimedOut ? CoreError.timedOut(current) : error
    if retry(current, &errands) { return nil }
    return (current, why, settle(current, isError: true))
  }
}

private func socketPair() throws(SystemError) -> (ours: CInt, theirs: CInt) {
  var ends: (CInt, CInt) = (-1, -1)
  let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
  try withUnsafeMutableBytes(of: &ends) { bytes throws(SystemError) in
    _ = try system("socketpair") {
      socketpair(AF_UNIX, kind, 0, bytes.assumingMemoryBound(to: CInt.self).baseAddress)
    }
  }
  return ends
}

/// Ends a worker that has closed its channel and lives on.
private final class HangUpAlarm: Alarm, @unchecked Sendable {
  // Sendable: its field never changes.
  private let worker: PoolWorker

  init(_ worker: PoolWorker) { self.worker = worker }

  override func ring() { try? worker.process.kill() }
}
