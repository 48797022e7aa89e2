/// What a descriptor of a process is tied to, by name: a queue, or an end of a pipe.
public struct Binding: Hashable, Sendable {
  public enum Target: Hashable, Sendable {
    case queue(Name)
    /// End 0 or 1 of the pipe.
    case end(Int, of: Name)
  }

  public let target: Target
  public let framing: Framing

  public init(_ target: Target, _ framing: Framing) {
    self.target = target
    self.framing = framing
  }
}

/// How a stream of bytes becomes messages, and messages a stream of bytes.
public enum Framing: String, CaseIterable, Sendable {
  /// A line is a message, without the line feed at its end.
  case lines
  /// What is read at once is a message, and messages are written as they are.
  case raw
}

/// What a binding's name stands for, while the process has it.
enum Bound: Sendable {
  case queue(Queue)
  case end(EndHold)

  /// Takes the next message.
  func take(orPark completion: () -> Completion<Delivery>) throws(CoreError) -> Attempted<Delivery> {
    switch self {
    case .queue(let queue): try queue.get(until: nil, orPark: completion)
    case .end(let hold): try hold.end.receive(until: nil, orPark: completion)
    }
  }

  func give(
    _ message: consuming Message, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    switch self {
    case .queue(let queue): try queue.put(message, until: nil, orPark: completion)
    case .end(let hold): try hold.end.send(message, until: nil, orPark: completion)
    }
  }

  /// The process runs, and has it.
  func confirm() { if case .end(let hold) = self { hold.confirm() } }

  /// The process has it no longer. May be called again.
  func release() { if case .end(let hold) = self { hold.release() } }
}

/// Which way bytes go through a descriptor, as the process sees it.
enum Direction {
  case into, outOf
}

extension Commons {
  /// Finds what a binding names, and has an end of a pipe held for the process that has the session. `pointer` is where in the
  /// specification the binding stands.
  func bind(
    _ binding: Binding, _ direction: Direction, at pointer: String, for session: Session
  ) throws(CoreError) -> Bound {
    guard case .queue(let name) = binding.target else {
      let end = try pipeEnd(binding, at: pointer)
      guard direction == .into ? end.canReceive : end.canSend else {
        let way = direction == .into ? "sends" : "receives"
        throw CoreError(.invalid(pointer: pointer + "/end"), "end \(end.number) of the pipe '\(end.pipe)' only \(way)")
      }
      return .end(try EndHold(end, for: session))
    }
    guard let queue = queues.registry.find(name.text) else {
      throw CoreError(.invalid(pointer: pointer + "/queue"), "there is no queue '\(name)'")
    }
    return .queue(queue)
  }

  func pipeEnd(_ binding: Binding, at pointer: String) throws(CoreError) -> PipeEnd {
    guard case .end(let number, let name) = binding.target else {
      throw CoreError(.invalid(pointer: pointer), "a queue goes one way alone")
    }
    guard let pipe = pipes.registry.find(name.text) else {
      throw CoreError(.invalid(pointer: pointer + "/pipe"), "there is no pipe '\(name)'")
    }
    return pipe.end(number)
  }
}
