import CLinux
import Glibc
import Linux

extension Process {
  /// Starts the child on one of the spawner's threads and tells `completion` when its program runs, or why it does not.
  /// A second start throws. `whenRunning` is called when it runs, before it is watched and any event tells of it.
  public func start(
    whenRunning: @escaping @Sendable () -> Void = {},
    then completion: @escaping @Sendable (Result<ProcessSnapshot, CoreError>) -> Void
  ) throws(CoreError) {
    if context.isDraining.load(ordering: .acquiring) { throw CoreError(.draining, "the service is stopping") }
    try context.checkAllowed(spec.command)
    try context.reserveRunning()
    do throws(CoreError) {
      try life.change { life throws(CoreError) in
        guard case .created = life.phase else {
          throw CoreError(.alreadyStarted, "a process can be started only once")
        }
        life.phase = .starting
      }
    } catch {
      context.releaseRunning()
      throw error
    }
    context.workers.submit { worker in
      let result = Result { () throws(CoreError) in try self.spawn(with: worker, whenRunning) }
      if case .failure = result {
        // Back to where it was, so that a caller may try again what failed for want of memory.
        self.life.change { $0.phase = .created }
        self.context.releaseRunning()
        self.context.options.didEnd(self)
      }
      completion(result)
    }
  }

  private func spawn(with worker: SpawnWorker, _ whenRunning: () -> Void) throws(CoreError) -> ProcessSnapshot {
    let marker = String(UInt64.random(in: .min ... .max), radix: 16)
    let variables = context.options.environment(self) + [.init(Self.markerName, marker)]
    var wiring = try Wiring(spec)
    var request = try SpawnRequest(spec, variables: variables, descriptors: wiring.childDescriptors)
    request.softOpenFiles = context.options.softOpenFiles
    let child: Child
    do throws(SpawnError) {
      child = try worker.spawner.spawn(request)
    } catch {
      throw CoreError(.spawn(step: error.step.rawValue, error.cause), "\(spec.command[0]): \(error)")
    }
    let pid = child.pid
    context.orphans.own(pid)
    worker.announced.clear()
    return adopt(child, &wiring, marker, whenRunning)
  }

  /// The child runs: shows it, and has the reactor watch it.
  private func adopt(
    _ child: consuming Child, _ wiring: inout Wiring, _ marker: String, _ whenRunning: () -> Void
  ) -> ProcessSnapshot {
    let reactor = context.reactor
    let pid = child.pid
    let fd = child.pidfd.raw
    let pipes = wiring.outputs(for: self)
    let stdin = wiring.input(for: self, reactor)
    let exit = ExitSource(self, pipes, pidfd: fd)
    var pidfd = Optional(child.release())
    let snapshot = life.change { life in
      life.phase = .running
      life.pid = pid
      life.pidfd = pidfd.take()
      life.startedAt = .now
      life.marker = marker
      if let timeout = spec.timeout {
        let alarm = TimeoutAlarm(self, timeout)
        life.timeout = alarm
        context.alarms.set(alarm, at: .after(seconds: timeout.seconds))
      }
      rendering.expire()
      return life.snapshot
    }
    if let stdin { input.change { $0.pipe = stdin } }
    whenRunning()
    context.events.publish("process.started", name, [("pid", .integer(Int(pid)))])
    do throws(SystemError) {
      for pipe in pipes { try pipe.watch(on: reactor) }
      try exit.watch(on: reactor)
    } catch {
      // Out of memory for epoll: a child that nobody watches must not live.
      life.read { life in try? send(SIGKILL, toGroup: true, &life) }
      var ended = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      while poll(&ended, 1, -1) < 0 {}
      didExit(pipes)
    }
    return snapshot
  }

  static let markerName = "PROCESSION_INSTANCE"
}
