import Linux

/// A parked attempt whose result has a type.
class ParkedAttempt<State: ~Copyable, T: Sendable>: Waiter<State>, @unchecked Sendable {
  // Sendable: `outcome` is written under the monitor's lock by the one who takes the waiter out of its lane, and read
  // only by that same one.
  private let monitor: Monitor<State>
  private let attempt: Monitor<State>.Attempt<T>
  private let completion: Completion<T>
  private var outcome: Outcome<T>?

  init(
    _ monitor: Monitor<State>, _ lane: Lane, _ session: Session?, _ attempt: @escaping Monitor<State>.Attempt<T>,
    _ onGiveUp: (@Sendable (inout State, Ending) -> Bool)?, _ completion: @escaping Completion<T>
  ) {
    self.monitor = monitor
    self.attempt = attempt
    self.completion = completion
    super.init(lane, session, onGiveUp)
  }

  override func proceed(_ state: inout State) -> Bool {
    do throws(CoreError) {
      try session?.check()
      guard let value = try attempt(&state) else { return false }
      outcome = .value(value)
    } catch {
      outcome = .failed(error)
      _ = onGiveUp?(&state, .failed(error))
    }
    return true
  }

  override var isSettled: Bool { outcome != nil }

  override func settle(_ ending: Ending) {
    switch ending {
    case .timedOut: outcome = .timedOut
    case .hungUp: outcome = .hungUp
    case .failed(let error): outcome = .failed(error)
    }
  }

  override func finish() {
    guard let outcome else { preconditionFailure("a waiter is settled before it is finished") }
    completion(outcome)
  }

  override func ring() { _ = monitor.giveUp(self, because: .timedOut) }

  override func hangUp() -> Bool { monitor.giveUp(self, because: .hungUp) }

  override func fail(_ error: CoreError) { _ = monitor.giveUp(self, because: .failed(error)) }
}

/// A caller that has to be woken before its attempt is made.
final class SleepingAttempt<State: ~Copyable, T: Sendable>: ParkedAttempt<State, T>, @unchecked Sendable {
  // Sendable: `isAsleep` is touched only under the monitor's lock.
  private var isAsleep = true
  private let next: Lane
  private let wake: @Sendable (inout State) -> Bool

  init(
    _ monitor: Monitor<State>, _ lane: Lane, _ next: Lane, _ session: Session?,
    _ wake: @escaping @Sendable (inout State) -> Bool, _ attempt: @escaping Monitor<State>.Attempt<T>,
    _ onGiveUp: @escaping @Sendable (inout State, Ending) -> Bool, _ completion: @escaping Completion<T>
  ) {
    self.next = next
    self.wake = wake
    super.init(monitor, lane, session, attempt, onGiveUp, completion)
  }

  override func proceed(_ state: inout State) -> Bool {
    guard isAsleep else { return super.proceed(&state) }
    return wake(&state) && getUp()
  }

  override var canTimeOut: Bool { isAsleep }

  override func goesOnLate() -> Bool { isAsleep && getUp() }

  private func getUp() -> Bool {
    isAsleep = false
    lane = next
    return true
  }
}
