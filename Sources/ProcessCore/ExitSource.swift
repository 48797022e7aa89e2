import CLinux
import Glibc
import Linux

/// The pidfd of a running child: readable once it has ended.
final class ExitSource: ReactorSource {
  private let process: Process
  private let pipes: [OutputPipe]
  private let fd: CInt
  private let token: UInt64

  init(_ process: Process, _ pipes: [OutputPipe], pidfd: CInt) {
    self.process = process
    self.pipes = pipes
    fd = pidfd
    token = process.context.reactor.makeToken()
  }

  func watch(on reactor: Reactor) throws(SystemError) {
    try reactor.watch(fd, for: EPOLLIN.rawValue, token: token, self)
  }

  func ready(_ events: UInt32, on reactor: Reactor) {
    // What the process wrote before it died is in its pipes now, so that a reader who was told of the end finds all of it.
    for pipe in pipes where pipe.isOpen { pipe.drain(on: reactor) }
    reactor.unwatch(fd, token: token)
    process.didExit(pipes)
  }
}

extension Process {
  /// Reaps the child and tells everybody.
  func didExit(_ pipes: [OutputPipe]) {
    let alarms = context.alarms
    context.options.didEnd(self)  // Its token dies before anybody is told of the end.
    var tellFollowers: () -> Void = {}
    life.change { life in
      // Under the lock, so that nobody signals the group of a pid that is being given back.
      let status = life.pidfd.take()?.reap() ?? .lost
      let exit = ProcessExit(status: status, reason: reason(status, life.askedFor), at: .now)
      life.phase = .ended
      life.exit = exit
      rendering.expire()
      if let clock = life.clock.take() { alarms.unset(clock) }
      if let timeout = life.timeout.take() { alarms.unset(timeout) }
      if let pid = life.pid { context.orphans.disown(pid) }
      // Before those who wait for the end are told, since they may want the place.
      context.releaseRunning()
      // Before those who wait are told, so that no event that they cause comes before this one.
      tellFollowers = context.events.record("process.exited", name, details(exit))
    }
    tellFollowers()
    input.change { $0.close() }
    context.orphans.reap()
    if pipes.contains(where: \.isOpen) {
      alarms.set(DrainAlarm(pipes, context.reactor), at: .after(seconds: context.options.drainSeconds))
    }
  }

  private func reason(_ status: ExitStatus, _ asked: ProcessExit.Reason?) -> ProcessExit.Reason {
    if case .lost = status.ending { return .lost }
    if let asked { return asked }
    if case .signalled = status.ending { return .signalled }
    return .exited
  }

  private func details(_ exit: ProcessExit) -> [(name: String, value: Event.Value)] {
    var details: [(name: String, value: Event.Value)] = [("reason", .text(exit.reason.rawValue))]
    if let code = exit.status.exitcode { details.append(("exitcode", .integer(Int(code)))) }
    return details
  }
}

/// Ends the output of a process that is gone while a descendant still holds its pipes.
private final class DrainAlarm: Alarm, @unchecked Sendable {
  // Sendable: the fields never change; the pipes are touched on the reactor's thread, where alarms ring.
  private let pipes: [OutputPipe]
  private let reactor: Reactor

  init(_ pipes: [OutputPipe], _ reactor: Reactor) {
    self.pipes = pipes
    self.reactor = reactor
  }

  override func ring() {
    for pipe in pipes { pipe.close(on: reactor) }
  }
}
