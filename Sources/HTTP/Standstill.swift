import Linux

/// Whether bytes on their way through a connection are held up until somebody wakes them.
///
/// The loop moves them; any thread may wake. As with a reply, exactly one side resumes the connection after each suspension.
final class Standstill: Sendable {
  private enum State {
    case moving, woken, over
    case parked(Connection)
  }

  private let state = Mutex(State.moving)

  /// To be called before each move, which sees all that woke it until now.
  func move() {
    state.withLock { state in if case .woken = state { state = .moving } }
  }

  /// Nothing moves: whether the connection is to be suspended. Not when it was woken since `move`; it is to try again.
  func park(_ connection: Connection) -> Bool {
    state.withLock { state in
      if case .woken = state { return false }
      state = .parked(connection)
      return true
    }
  }

  func wake() {
    let connection = state.withLock { state -> Connection? in
      switch state {
      case .moving, .woken:
        state = .woken
        return nil
      case .parked(let connection):
        state = .woken
        return connection
      case .over: return nil
      }
    }
    if let connection { connection.loop.makeReady(connection) }
  }

  /// True when the connection is suspended and nobody else is about to resume it.
  func interrupt() -> Bool {
    state.withLock { state in
      guard case .parked = state else { return false }
      state = .woken
      return true
    }
  }

  /// Nothing moves any more, and nobody is woken; false when that was so before.
  @discardableResult
  func end() -> Bool {
    state.withLock { state in
      defer { state = .over }
      if case .over = state { return false }
      return true
    }
  }
}
