import Linux

/// Takes the outcome of a parked attempt from whatever thread it comes on to the one that waits for it.
final class HandOver<T: Sendable>: Sendable {
  private enum State {
    case open
    case told(Outcome<T>)
    case closed
  }

  private let state = Mutex(State.open)

  /// False when nobody takes it any more.
  func hand(_ outcome: Outcome<T>) -> Bool {
    state.withLock { state in
      if case .closed = state { return false }
      state = .told(outcome)
      return true
    }
  }

  /// What was handed over and not taken yet.
  func take() -> Outcome<T>? {
    state.withLock { state in
      guard case .told(let outcome) = state else { return nil }
      state = .open
      return outcome
    }
  }

  /// As `take`, for the last time.
  func close() -> Outcome<T>? {
    state.withLock { state in
      defer { state = .closed }
      if case .told(let outcome) = state { return outcome }
      return nil
    }
  }
}
