import Glibc
import Linux

public enum SignalTarget: String, CaseIterable, Sendable {
  case process, group, tree
}

/// `SIGTERM` for 15.
public func signalName(_ number: CInt) -> String { SignalTable.signal(number)?.name ?? "SIG\(number)" }

extension Process {
  /// Sends a signal to the process itself or to its whole group; `os.kill`, `os.killpg`.
  public func signal(_ number: CInt, toGroup: Bool = false) throws(CoreError) {
    try life.read { life throws(CoreError) in try self.send(number, toGroup: toGroup, &life) }
    context.events.publish("process.signalled", name, [("signal", .text(signalName(number)))])
  }

  /// SIGTERM; Python's `terminate`. A process that has ended is left alone.
  public func terminate() throws(CoreError) { try end(by: SIGTERM) }

  /// SIGKILL; Python's `kill`.
  public func kill() throws(CoreError) { try end(by: SIGKILL) }

  private func end(by number: CInt) throws(CoreError) {
    let wasSent = try life.read { life throws(CoreError) -> Bool in
      if case .ended = life.phase { return false }
      try self.send(number, toGroup: false, &life)
      if life.askedFor == nil { life.askedFor = .stopped }
      return true
    }
    if wasSent { context.events.publish("process.signalled", name, [("signal", .text(signalName(number)))]) }
  }

  /// Sends SIGALRM `seconds` from now in place of an earlier alarm, and returns the seconds that one had left; 0 seconds
  /// only call it off. Python's `signal.alarm`, with decimals.
  public func alarm(after seconds: Double) throws(CoreError) -> Double {
    try life.read { life throws(CoreError) -> Double in
      guard case .running = life.phase else { throw CoreError(.notRunning, "the process does not run") }
      let clock = life.clock ?? SignalClock(self)
      life.clock = clock
      let left = context.alarms.secondsLeft(clock)
      if seconds > 0 { context.alarms.set(clock, at: .after(seconds: seconds)) } else { context.alarms.unset(clock) }
      return left
    }
  }

  /// Sends while the lock is held: the pidfd cannot be closed, nor the group's number given away, before it is released.
  func send(_ number: CInt, toGroup: Bool, _ life: inout Life) throws(CoreError) {
    guard case .running = life.phase, let pid = life.pid else {
      throw CoreError(.notRunning, "the process does not run")
    }
    do throws(SystemError) {
      if toGroup {
        try killGroup(pid, signal: number)
      } else {
        try life.pidfd?.signal(number)
      }
    } catch {
      // It has ended and is about to be reaped.
      if error.errno == ESRCH { throw CoreError(.notRunning, "the process has ended") }
      throw .system(error)
    }
  }
}

/// Sends SIGALRM to its process when it rings.
final class SignalClock: Alarm, @unchecked Sendable {
  // Sendable: its only field never changes. It and its process hold each other until the process ends.
  private let process: Process

  init(_ process: Process) { self.process = process }

  override func ring() { try? process.signal(SIGALRM) }  // One that has just ended needs no alarm.
}

/// Ends its process when it has run for too long: by the signal that its timeout names, then by SIGKILL.
final class TimeoutAlarm: Alarm, @unchecked Sendable {
  // Sendable: `hasAsked` is touched only where alarms ring, which is one thread.
  private let process: Process
  private let timeout: ProcessSpec.Timeout
  private var hasAsked = false

  init(_ process: Process, _ timeout: ProcessSpec.Timeout) {
    self.process = process
    self.timeout = timeout
  }

  override func ring() {
    let number = hasAsked ? SIGKILL : timeout.signal
    let isLate = process.life.read { life -> Bool in
      guard (try? process.send(number, toGroup: true, &life)) != nil else { return false }
      if life.askedFor == nil { life.askedFor = .timeout }
      return true
    }
    guard isLate, !hasAsked else { return }
    hasAsked = true
    process.context.events.publish("process.timeout", process.name, [("seconds", .number(timeout.seconds))])
    process.context.alarms.set(self, at: .after(seconds: timeout.grace))
  }
}
