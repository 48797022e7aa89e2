import CLinux
import Glibc
import Linux

/// The pidfd of a running child: readable once it has ended.
final class ExitSource: Alarm, ReactorSource, @unchecked Sendable {
  // Sendable: the variables are touched on the reactor's thread alone.
  private let process: Process
  private let outputs: [any ChildOutput]
  private let inputs: [InputPump]
  private let fd: CInt
  private let token: UInt64
  /// The spawns that were under way when it had ended, and until when they are waited for.
  private var spawns: Set<UInt64> = []
  private var deadline = Deadline.distantFuture
  private static let lookSeconds = 0.001

  init(_ process: Process, _ outputs: [any ChildOutput], _ inputs: [InputPump], pidfd: CInt) {
    self.process = process
    self.outputs = outputs
    self.inputs = inputs
    fd = pidfd
    token = process.context.reactor.makeToken()
  }

  func watch(on reactor: Reactor) throws(SystemError) {
    try reactor.watch(fd, for: EPOLLIN.rawValue, token: token, self)
  }

  func ready(_ events: UInt32, on reactor: Reactor) {
    process.hangUpTerminal()
    reactor.unwatch(fd, token: token)
    spawns = SpawnWindow.open
    deadline = .after(seconds: process.context.options.drainSeconds)
    finish()
  }

  override func ring() { finish() }

  /// What the process wrote before it died is in its pipes now, so that a reader who was told of the end finds all of it;
  /// that this is all, which ends a last line, cannot be seen before children that were just being made have let go.
  private func finish() {
    let reactor = process.context.reactor
    let mayBeHeld = !spawns.isEmpty && !spawns.isDisjoint(with: SpawnWindow.open) && deadline > .now
    for output in outputs where output.isOpen { output.drain(on: reactor) }
    if mayBeHeld, outputs.contains(where: \.isOpen) {
      return reactor.alarms.set(self, at: .after(seconds: Self.lookSeconds))
    }
    // Likewise what it did not read is where it came from.
    for input in inputs { input.end() }
    process.didExit(outputs)
  }
}

extension Process {
  /// Reaps the child and tells everybody.
  fileprivate func didExit(_ outputs: [any ChildOutput]) {
    let alarms = context.alarms
    context.options.didEnd(self)  // Its token dies before anybody is told of the end.
    // Likewise what it held, so that who waited for the end finds it free.
    context.commons.endSessions(of: name, self)
    let hasRunOutOfMemory = hasRunOutOfMemory
    var told: [() -> Void] = []
    life.change { life in
      // Under the lock, so that nobody signals the group of a pid that is being given back.
      let status = life.pidfd.take()?.reap() ?? .lost
      if let clock = life.clock.take() { alarms.unset(clock) }
      if let timeout = life.timeout.take() { alarms.unset(timeout) }
      if let pid = life.pid { context.orphans.disown(pid) }
      // Before those who wait for the end are told, since they may want the place.
      context.releaseRunning()
      // Before those who wait are told, so that no event that they cause comes before those of the end.
      let asked = life.askedFor ?? (hasRunOutOfMemory ? .oom : nil)
      told = conclude(ProcessExit(status: status, reason: reason(status, asked), at: .now), &life)
    }
    for tell in told { tell() }
    input.change { $0.close() }
    context.orphans.reap()
    if outputs.contains(where: \.isOpen) {
      alarms.set(DrainAlarm(outputs, context.reactor), at: .after(seconds: context.options.drainSeconds))
    }
  }

  private func reason(_ status: ExitStatus, _ asked: ProcessExit.Reason?) -> ProcessExit.Reason {
    if case .lost = status.ending { return .lost }
    if let asked { return asked }
    if case .signalled = status.ending { return .signalled }
    return .exited
  }
}

/// Ends the output of a process that is gone while a descendant still holds its pipes.
private final class DrainAlarm: Alarm, @unchecked Sendable {
  // Sendable: the fields never change; the outputs are touched on the reactor's thread, where alarms ring.
  private let outputs: [any ChildOutput]
  private let reactor: Reactor

  init(_ outputs: [any ChildOutput], _ reactor: Reactor) {
    self.outputs = outputs
    self.reactor = reactor
  }

  override func ring() {
    for output in outputs { output.letGo(on: reactor) }
  }
}
