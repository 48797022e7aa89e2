import Glibc
import Linux

public enum SignalTarget: String, CaseIterable, Sendable {
  case process, group, tree
}

/// `SIGTERM` for 15.
public func signalName(_ number: CInt) -> String { SignalTable.signal(number)?.name ?? "SIG\(number)" }

extension Process {
  /// Sends a signal to the process itself or to its whole group; `os.kill`, `os.killpg`. With a value as sigqueue(3) does, to
  /// the process itself.
  public func signal(_ number: CInt, toGroup: Bool = false, value: CInt? = nil) throws(CoreError) {
    try life.read { life throws(CoreError) in try self.send(number, toGroup: toGroup, value: value, &life) }
    publish("process.signalled", [("signal", .text(signalName(number)))])
  }

  /// SIGTERM; Python's `terminate`. A process that has ended is left alone; one that would be started again is not.
  public func terminate() throws(CoreError) { try end(by: SIGTERM) }

  /// SIGKILL; Python's `kill`.
  public func kill() throws(CoreError) { try end(by: SIGKILL) }

  private func end(by number: CInt) throws(CoreError) {
    var told: [() -> Void] = []
    let wasSent = try life.change { life throws(CoreError) -> Bool in
      switch life.phase {
      case .ended: return false
      case .waiting, .backoff:
        told = endWaiting(&life) ?? []
        return false
      case .starting: life.pendingSignal = number
      case .created, .running: try self.send(number, toGroup: false, &life)
      }
      life.isStopping = true
      if life.askedFor == nil { life.askedFor = .stopped }
      return true
    }
    for tell in told { tell() }
    if wasSent { publish("process.signalled", [("signal", .text(signalName(number)))]) }
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
  func send(_ number: CInt, toGroup: Bool, value: CInt? = nil, _ life: inout Life) throws(CoreError) {
    guard case .running = life.phase, let pid = life.pid else {
      throw CoreError(.notRunning, "the process does not run")
    }
    if number == SIGKILL, let cgroup = life.cgroup, cgroup.isEnding() { context.workers.submit { _ in cgroup.thaw() } }
    do throws(SystemError) {
      if toGroup {
        try killGroup(pid, signal: number)
      } else {
        try life.pidfd?.signal(number, value: value)
      }
    } catch {
      // It has ended and is about to be reaped.
      if error.errno == ESRCH { throw CoreError(.notRunning, "the process has ended") }
      if error.errno == EAGAIN { throw CoreError(.quota, "too many signals are queued for its user already") }
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
    process.publish("process.timeout", [("seconds", .number(timeout.seconds))])
    process.context.alarms.set(self, at: .after(seconds: timeout.grace))
  }
}
