import Linux

extension CoreError {
  /// What a task raised, as a worker has told it.
  init(taskError error: ByteSlice) { self.init(.taskError(json: error.text), "the task raised an error") }

  /// A worker ended and had a task.
  init(losing worker: PoolWorker, _ exit: ProcessExit?) {
    var signal: CInt?
    var exitcode: CInt?
    var how = "was lost"
    switch exit?.status.ending {
    case .exited(let code):
      exitcode = code
      how = "exited with code \(code)"
    case .signalled(let number, _):
      signal = number
      exitcode = -number
      how = exit?.reason == .oom ? "was killed for want of memory" : "was ended by \(signalName(number))"
    case .lost, nil: break
    }
    if worker.hasBreached {
      self = .breach(of: worker, exitcode: exitcode, signal: signal)
    } else {
      self.init(
        .workerLost(exitcode: exitcode, signal: signal, isBreach: false), "the worker '\(worker.name)' \(how)")
    }
  }

  static func breach(of worker: PoolWorker, exitcode: CInt? = nil, signal: CInt? = nil) -> CoreError {
    CoreError(
      .workerLost(exitcode: exitcode, signal: signal, isBreach: true),
      "the worker '\(worker.name)' did not keep to the protocol")
  }

  /// Whether another try would end as this one did: of a worker that could not be started at all.
  var isFinal: Bool {
    switch kind {
    case .spawn, .quota, .draining, .invalid: true
    default: false
    }
  }

  static func timedOut(_ task: PoolTask) -> CoreError {
    CoreError(.taskTimeout(partial: nil), "the task took longer than \(task.job.call.timeout ?? 0) seconds")
  }

  /// An error that breaks a pool.
  init(breaking error: CoreError) {
    var json: String?
    if case .taskError(let text) = error.kind { json = text }
    self.init(.poolBroken(json: json), json == nil ? "the workers cannot be started: \(error.detail)" : error.detail)
  }
}
