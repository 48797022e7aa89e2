import HTTP
import Linux
import ProcessCore

extension Request {
  /// Answers with what becomes of an attempt: at once when it is settled at once, else when its time has come. `render`
  /// is given nil when its deadline came first. `onHangUp` is told of a client that went before. `atOnce`: what it would
  /// render of any success that comes at once.
  func wait<T: Sendable>(
    atOnce: PreparedResponse? = nil, for attempt: (_ orPark: () -> Completion<T>) throws(CoreError) -> Attempted<T>,
    onHangUp: (@Sendable () -> Void)? = nil, _ render: @escaping @Sendable (T?) throws(Problem) -> Response
  ) throws(Problem) -> Answer {
    var reply: Reply?
    let attempted = try core { () throws(CoreError) in
      try attempt {
        let parked = self.park()
        reply = parked
        // The request is gone by the time of a late answer, and a problem still names its path.
        let path = Bytes(copying: self.path)
        return { outcome in
          if case .hungUp = outcome { onHangUp?() }
          if let response = response(outcome, path, render) { parked.send(response) }
        }
      }
    }
    switch attempted {
    case .done(let value):
      if let atOnce { return .prepared(atOnce) }
      return .now(try render(value))
    case .timedOut: return .now(try render(nil))
    case .parked(let ticket):
      guard let reply else { preconditionFailure("an attempt that is parked has asked for its completion") }
      reply.onHangUp { ticket.hangUp() }
      return .parked(reply)
    }
  }

  /// Answers with what an operation of the core's own threads comes to. It goes on when the client hangs up.
  func later<T: Sendable>(
    _ operation: (@escaping @Sendable (Result<T, CoreError>) -> Void) throws(CoreError) -> Void,
    _ render: @escaping @Sendable (T) -> Response
  ) throws(Problem) -> Answer {
    let reply = park()
    let path = Bytes(copying: self.path)
    try core { () throws(CoreError) in
      try operation { result in
        switch result {
        case .success(let value): reply.send(render(value))
        case .failure(let error): reply.send(Problem(error).response(at: path))
        }
      }
    }
    return .parked(reply)
  }
}

extension Problem {
  fileprivate func response(at path: Bytes) -> Response { withExtendedLifetime(path) { response(to: path.buffer) } }
}

/// nil after a hang-up: nobody is there to be answered.
private func response<T>(
  _ outcome: Outcome<T>, _ path: Bytes, _ render: (T?) throws(Problem) -> Response
) -> Response? {
  do throws(Problem) {
    switch outcome {
    case .value(let value): return try render(value)
    case .timedOut: return try render(nil)
    case .hungUp: return nil
    case .failed(let error): return Problem(error).response(at: path)
    }
  } catch {
    return error.response(at: path)
  }
}
