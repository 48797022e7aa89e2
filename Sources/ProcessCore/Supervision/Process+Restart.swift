import Linux

/// What comes after a run.
private enum Sequel {
  case again(seconds: Double)
  case over
  case fatal
}

extension Process {
  /// A run is over, or could not begin. Called under the lock of `life`; what is returned tells of it, once that is released.
  func conclude(_ exit: ProcessExit, _ life: inout Life, because detail: String? = nil) -> [() -> Void] {
    life.exit = exit
    life.isReady = false
    var told = [record("process.exited", exit.details(detail))]
    if let probe = life.probe.take() { told.append { probe.cancel() } }
    switch sequel(to: exit, &life) {
    case .again(let seconds):
      life.phase = .backoff
      let alarm = RestartAlarm(self)
      life.restart = alarm
      life.nextStartAt = WallTime(seconds: exit.at.seconds + seconds)
      context.alarms.set(alarm, at: .after(seconds: seconds))
      told.append(record("process.backoff", [("seconds", .number(seconds))]))
    case .over: told += finish(as: exit.reason == .stopped ? .stopped : .exited, &life)
    case .fatal: told += finish(as: .fatal, &life)
    }
    rendering.expire()
    return told
  }

  private func sequel(to exit: ProcessExit, _ life: inout Life) -> Sequel {
    if life.isStopping || context.isDraining.load(ordering: .acquiring) { return .over }
    let hasRun = exit.reason != .spawnFailed
    guard let restart = spec.restart, restart.follows(exit) else { return hasRun ? .over : .fatal }
    let ran = Double(Deadline.now.nanoseconds - life.began.nanoseconds) / 1e9
    guard let seconds = life.retries.next(restart, after: hasRun ? ran : nil) else { return .fatal }
    return .again(seconds: seconds)
  }

  /// It will not be started any more. Under the lock, as `conclude`.
  private func finish(as state: ProcessState, _ life: inout Life) -> [() -> Void] {
    life.phase = .ended
    life.outcome = state
    let exit = life.exit
    if let cgroup = life.cgroup { context.retire(cgroup) }
    var told: [() -> Void] = [output.changeQuietly { $0.end() }]
    if state == .fatal { told.append(record("process.fatal", [])) }
    told.append { self.context.hasEnded(self, as: state, exit) }
    return told
  }

  /// Ends one that waits to be started, for the first time or again, because somebody asked for its end; nil: it does not
  /// wait. Under the lock, as `conclude`.
  func endWaiting(_ life: inout Life) -> [() -> Void]? {
    guard life.phase == .waiting || life.phase == .backoff else { return nil }
    if let alarm = life.restart.take() { context.alarms.unset(alarm) }
    life.nextStartAt = nil
    let told = [record("process.stopped", [])] + finish(as: .stopped, &life)
    rendering.expire()
    return told
  }

  /// It waits for what will never be.
  func giveUp(_ why: String) {
    var told: [() -> Void] = []
    life.change { life in
      guard life.phase == .waiting else { return }
      let exit = ProcessExit(status: .lost, reason: .dependencyFailed, at: .now)
      life.exit = exit
      told = [record("process.exited", exit.details(why))] + finish(as: .fatal, &life)
      rendering.expire()
    }
    for tell in told { tell() }
  }

  /// Starts one that waits in that phase, unless somebody was quicker.
  func begin(from phase: Life.Phase) {
    let isDue = life.change { life in
      // The shutdown looks for it where it is.
      guard life.phase == phase, !context.isDraining.load(ordering: .acquiring) else { return false }
      life.phase = .starting
      life.askedFor = nil
      life.restart = nil
      life.nextStartAt = nil
      rendering.expire()
      return true
    }
    guard isDue else { return }
    do throws(CoreError) {
      try context.reserveRunning()
    } catch {
      return couldNotStart(error)
    }
    launch(whenRunning: {}, onFailure: couldNotStart) { _ in }
  }

  private func couldNotStart(_ error: CoreError) {
    var told: [() -> Void] = []
    life.change { life in
      life.session = nil
      life.pendingSignal = nil
      let reason: ProcessExit.Reason = life.isStopping ? .stopped : .spawnFailed
      told = conclude(ProcessExit(status: .lost, reason: reason, at: .now), &life, because: error.detail)
    }
    for tell in told { tell() }
  }

  private func record(_ type: String, _ details: [(name: String, value: EventLog.Value)]) -> () -> Void {
    isListed ? context.log.record(type, name, details) : {}
  }
}

extension ProcessExit {
  fileprivate func details(_ detail: String?) -> [(name: String, value: EventLog.Value)] {
    var details: [(name: String, value: EventLog.Value)] = [("reason", .text(reason.rawValue))]
    if let code = status.exitcode { details.append(("exitcode", .integer(Int(code)))) }
    if let detail { details.append(("detail", .text(detail))) }
    return details
  }
}

/// Starts its process again when the back-off is over.
final class RestartAlarm: Alarm, @unchecked Sendable {
  // Sendable: its only field never changes. It and its process hold each other until it rings or is called off.
  private let process: Process

  init(_ process: Process) { self.process = process }

  override func ring() { process.begin(from: .backoff) }
}
