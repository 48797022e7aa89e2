import CLinux
import Glibc
import Linux

extension Process {
  /// Starts the child on one of the spawner's threads and tells `completion` when its program runs, or why it does not.
  /// A second start throws. `whenRunning` is called when it runs, before it is watched and any event tells of it; one whose
  /// dependencies are not there yet will be started when they are, and `completion` is told so at once.
  public func start(
    whenRunning: @escaping @Sendable () -> Void = {},
    then completion: @escaping @Sendable (Result<ProcessSnapshot, CoreError>) -> Void
  ) throws(CoreError) {
    if context.isDraining.load(ordering: .acquiring) { throw CoreError(.draining, "the service is stopping") }
    try context.checkAllowed(spec.command)
    guard context.dependencies.look(at: spec).isMet else {
      try leave(for: .waiting)
      whenRunning()
      context.dependencies.add(self)
      return completion(.success(snapshot))
    }
    try context.reserveRunning()
    do throws(CoreError) {
      try leave(for: .starting)
    } catch {
      context.releaseRunning()
      throw error
    }
    launch(whenRunning: whenRunning, onFailure: backToCreated, then: completion)
  }

  /// Leaves the phase in which it was made.
  private func leave(for phase: Life.Phase) throws(CoreError) {
    try life.change { life throws(CoreError) in
      guard case .created = life.phase else { throw CoreError(.alreadyStarted, "a process can be started only once") }
      life.phase = phase
    }
  }

  /// So that a caller may try again what failed for want of memory.
  private func backToCreated(_ error: CoreError) {
    life.change { life in
      life.session = nil
      life.pendingSignal = nil
      life.askedFor = nil
      life.isStopping = false
      life.phase = .created
    }
  }

  /// Has the child started, whose phase is `starting` and which is counted among those that run. `onFailure` says what becomes
  /// of it otherwise; last, since it may be started again at once.
  func launch(
    whenRunning: @escaping @Sendable () -> Void, onFailure: @escaping @Sendable (CoreError) -> Void,
    then completion: @escaping @Sendable (Result<ProcessSnapshot, CoreError>) -> Void
  ) {
    context.workers.submit { worker in
      let result = Result { () throws(CoreError) in try self.spawn(with: worker, whenRunning) }
      if case .failure(let error) = result {
        self.context.options.didEnd(self)
        self.context.commons.endSessions(of: self.name, self)
        self.context.releaseRunning()
        onFailure(error)
      }
      completion(result)
    }
  }

  private func spawn(with worker: SpawnWorker, _ whenRunning: () -> Void) throws(CoreError) -> ProcessSnapshot {
    let session = try context.commons.beginSessions(of: name, self)
    let marker = life.change { life in
      life.session = session.name
      if life.marker.isEmpty { life.marker = String(UInt64.random(in: .min ... .max), radix: 16) }
      return life.marker
    }
    let variables =
      context.options.environment(self) + [
        .init(Self.markerName, marker), .init("PROCESSION_SESSION", session.name.text),
      ]
    var wiring = try Wiring(
      spec, for: session, terminal: snapshot.size ?? spec.terminal, channel: channel.withLock { $0.take() }, in: context
    )
    var request = try SpawnRequest(spec, variables: variables, descriptors: wiring.childDescriptors)
    if let user = request.identity?.uid { wiring.giveTerminal(to: user) }
    request.softOpenFiles = context.options.softOpenFiles
    let child: Child
    do throws(SpawnError) {
      let cgroup = try makeCgroup()
      request.cgroups = cgroup?.entries ?? []
      cgroup?.enter()
      defer { cgroup?.entered() }
      do throws(SpawnError) {
        child = try worker.spawner.spawn(request)
      } catch {
        if let cgroup, life.read({ $0.cgroup == nil }) { context.retire(cgroup) }
        throw error
      }
      if let cgroup { life.read { $0.cgroup = cgroup } }
    } catch {
      throw CoreError(.spawn(step: error.step.rawValue, error.cause), "\(spec.command[0]): \(error)")
    }
    let pid = child.pid
    context.orphans.own(pid)
    worker.announced.clear()
    wiring.letGoOfChildEnds()
    return adopt(child, &wiring, whenRunning)
  }

  /// The child runs: shows it, and has the reactor watch it.
  private func adopt(
    _ child: consuming Child, _ wiring: inout Wiring, _ whenRunning: () -> Void
  ) -> ProcessSnapshot {
    let reactor = context.reactor
    let pid = child.pid
    let fd = child.pidfd.raw
    let outputs = wiring.outputs(for: self)
    let inputs = wiring.inputs
    let stdin = wiring.input(for: self, reactor)
    let exit = ExitSource(self, outputs, inputs, pidfd: fd)
    var pidfd = Optional(child.release())
    var line = wiring.takeLine()
    let snapshot = life.change { life in
      life.phase = .running
      life.pid = pid
      life.pidfd = pidfd.take()
      life.line = line.take()
      life.startedAt = .now
      life.began = .now
      life.starts += 1
      life.isReady = spec.readiness == nil
      life.exit = nil
      if let timeout = spec.timeout {
        let alarm = TimeoutAlarm(self, timeout)
        life.timeout = alarm
        context.alarms.set(alarm, at: .after(seconds: timeout.seconds))
      }
      // It ends as it would have had it been told a moment later.
      if let number = life.pendingSignal.take() { try? send(number, toGroup: false, &life) }
      rendering.expire()
      return life.snapshot
    }
    if let stdin { input.change { $0 = Input(pipe: stdin) } }
    whenRunning()
    if snapshot.starts == 1 {
      publish("process.started", [("pid", .integer(Int(pid)))])
    } else {
      context.restarts.add(1, ordering: .relaxed)
      publish("process.restarted", [("pid", .integer(Int(pid))), ("restarts", .integer(snapshot.starts - 1))])
    }
    watchReadiness(wiring.readiness(), of: Run(process: self, number: snapshot.starts))
    context.dependencies.changed(name)
    do throws(SystemError) {
      for output in outputs { try output.watch(on: reactor) }
      for input in inputs { try input.watch() }
      try exit.watch(on: reactor)
    } catch {
      // Out of memory for epoll: a child that nobody watches must not live.
      life.read { life in try? send(SIGKILL, toGroup: true, &life) }
      var ended = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      while poll(&ended, 1, -1) < 0 {}
      reactor.post(exit)
    }
    return snapshot
  }

  static let markerName = "PROCESSION_INSTANCE"
}
