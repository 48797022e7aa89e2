import Linux

/// The promise of a response to one parked request, kept exactly once: the first `send` counts, a hang-up ends it.
public final class Reply: Sendable {
  fileprivate enum State {
    /// The handler has not returned yet.
    case new
    /// The request waits; its connection is suspended.
    case armed(Connection)
    /// There is a response, which the loop has not fetched yet. Thousands that wait have no place for one.
    indirect case sent(Response)
    case hungUp
    case done
  }

  fileprivate struct Promise {
    var state = State.new
    var cancel: (@Sendable () -> Void)?
  }

  private let promise = Mutex(Promise())

  public init() {}

  /// Answers the request, from any thread. What comes after another answer, or after the client has gone, is not delivered.
  public func send(_ response: Response) {
    // The closure is let go outside the lock, since that may run any deinit.
    let (isTaken, connection, cancel) = promise.withLock { promise -> (Bool, Connection?, (@Sendable () -> Void)?) in
      switch promise.state {
      case .new:
        promise.state = .sent(response)
        return (true, nil, promise.forgetCancel())
      case .armed(let connection):
        promise.state = .sent(response)
        return (true, connection, promise.forgetCancel())
      case .sent, .hungUp, .done:
        return (false, nil, nil)
      }
    }
    _ = cancel
    if let connection { connection.loop.makeReady(connection) }
    if !isTaken { response.onUndelivered?() }
  }

  /// What to undo when the client hangs up, or the server drains, before the reply was sent: called at most once, and
  /// at once when that has happened already.
  public func onHangUp(_ cancel: @escaping @Sendable () -> Void) {
    let isOver = promise.withLock { promise -> Bool in
      switch promise.state {
      case .new, .armed: promise.cancel = cancel
      case .sent, .done: break
      case .hungUp: return true
      }
      return false
    }
    if isOver { cancel() }
  }

  /// Called by the loop when the handler has returned: the response if it is there already, else the connection is to be
  /// suspended.
  func arm(_ connection: Connection) -> Response? {
    promise.withLock { promise in
      guard case .sent(let response) = promise.state else {
        promise.state = .armed(connection)
        return nil
      }
      promise.state = .done
      return response
    }
  }

  /// Ends the wait unless it has been answered; true when the loop has to resume the connection itself.
  func hangUp() -> Bool {
    let (isOurs, cancel) = promise.withLock { promise -> (Bool, (@Sendable () -> Void)?) in
      switch promise.state {
      case .new, .armed:
        promise.state = .hungUp
        return (true, promise.forgetCancel())
      case .sent, .hungUp, .done:
        return (false, nil)
      }
    }
    cancel?()
    return isOurs
  }

  /// The response that the connection was resumed for; nil after a hang-up.
  func take() -> Response? {
    promise.withLock { promise in
      guard case .sent(let response) = promise.state else { return nil }
      promise.state = .done
      return response
    }
  }
}

extension Reply.Promise {
  fileprivate mutating func forgetCancel() -> (@Sendable () -> Void)? {
    defer { cancel = nil }
    return cancel
  }
}
