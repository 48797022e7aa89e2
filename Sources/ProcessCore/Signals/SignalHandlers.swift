import Glibc
public import Linux

/// A signal that reached the service itself.
public struct ReceivedSignal: Sendable {
  public let number: CInt
  /// Who sent it; 0 when that was the kernel.
  public let pid: CInt
  public let uid: UInt32
  public let at: WallTime

  public init(number: CInt, pid: CInt, uid: UInt32, at: WallTime = .now) {
    self.number = number
    self.pid = pid
    self.uid = uid
    self.at = at
  }
}

/// What the service does when a signal reaches it; Python's `signal.signal`.
public enum SignalAction: Hashable, Sendable {
  /// What the signal ends by default, as SIGTERM and, by Python's rules for `alarm`, SIGALRM do, it ends as it is meant to end:
  /// see `endings`. Nothing is done for the others.
  case `default`
  case ignore
  /// Puts it into a queue.
  case queue(Name)
  /// Ends the service as it is meant to end.
  case drain
  /// Ends the trees of processes.
  case stop(ProcessSelector)
  /// Sends the same signal on, or another.
  case forward(ProcessSelector, as: CInt?, to: SignalTarget)
}

/// The handlers of the service's own signals. Every signal that comes is an event, wakes those who `pause`, and is then acted
/// on.
public final class SignalHandlers: Sendable {
  private struct State {
    var actions: [CInt: SignalAction] = [:]
    var count: UInt64 = 0
    var last: ReceivedSignal?
  }

  private static let pausing = Lane.each(0, .pause)
  /// Those that end the service unless a handler says otherwise.
  public static let endings: Set<CInt> = [SIGTERM, SIGINT, SIGQUIT, SIGALRM]
  private let monitor: Monitor<State>
  private let alarm = ServiceAlarm()
  private let alarms: Alarms
  private let log: EventLog

  init(alarms: Alarms, log: EventLog) {
    self.alarms = alarms
    self.log = log
    monitor = Monitor(State(), lanes: 1, alarms: alarms)
  }

  /// Those that can be handled. What the kernel raises for a fault of our own ends us, or is ignored; SIGCHLD is how
  /// children are noticed, and nobody needs to handle it.
  public static let handled: [Signal] = {
    let faults = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGPIPE, SIGXFSZ, SIGCHLD]
    return SignalTable.all.filter { $0.isCatchable && !faults.contains($0.number) }
  }()

  public func action(for number: CInt) -> SignalAction { monitor.read { $0.actions[number] ?? .default } }

  /// Chooses what is done from now on.
  public func set(_ action: SignalAction, for number: CInt) throws(CoreError) {
    guard let signal = SignalTable.signal(number), Self.handled.contains(signal) else {
      throw CoreError(.invalid(pointer: "/signal"), "\(signalName(number)) cannot be handled")
    }
    monitor.read { $0.actions[number] = action }
    log.publish("signal.handler", eventName(number), [("action", .text(action.word))])
  }

  /// A signal came. The answer is what to do about it, which the caller does on its own thread.
  public func receive(_ signal: ReceivedSignal) -> SignalAction {
    log.publish(
      "signal.received", eventName(signal.number),
      [
        ("number", .integer(Int(signal.number))), ("pid", .integer(Int(signal.pid))),
        ("uid", .integer(Int(signal.uid))),
      ])
    return monitor.change { state in
      state.count += 1
      state.last = signal
      let action = state.actions[signal.number] ?? .default
      return action == .default && Self.endings.contains(signal.number) ? .drain : action
    }
  }

  /// Waits for the next signal; `signal.pause`.
  public func pause(
    until deadline: Deadline?, for session: Session?, orPark completion: () -> Completion<ReceivedSignal>
  ) throws(CoreError) -> Attempted<ReceivedSignal> {
    let seen = monitor.read { $0.count }
    return try monitor.attempt(
      in: Self.pausing, until: deadline, for: session,
      { state throws(CoreError) in state.count > seen ? state.last : nil }, orPark: completion)
  }

  /// Sends SIGALRM to the service `seconds` from now in place of an earlier alarm, and returns the seconds that one had left; 0
  /// seconds only call it off. Python's `signal.alarm`, with decimals.
  public func alarm(after seconds: Double) -> Double {
    let left = alarms.secondsLeft(alarm)
    if seconds > 0 { alarms.set(alarm, at: .after(seconds: seconds)) } else { alarms.unset(alarm) }
    return left
  }

  public var waiting: [Waiting] { monitor.waiting }

  /// Ends those who pause.
  func end(_ error: CoreError) { monitor.end(error) }
}

/// An event is about something with a name, and a name has no plus sign.
private func eventName(_ number: CInt) -> Name {
  let text = String(signalName(number).map { $0 == "+" ? "." : $0 })
  guard let name = Name(text) else { preconditionFailure("a signal's name is a name") }
  return name
}

extension SignalAction {
  public var word: String {
    switch self {
    case .default: "default"
    case .ignore: "ignore"
    case .queue: "queue"
    case .drain: "drain"
    case .stop: "stop"
    case .forward: "forward"
    }
  }
}

private final class ServiceAlarm: Alarm, @unchecked Sendable {
  // Sendable: it has no fields.
  override func ring() { kill(getpid(), SIGALRM) }
}
