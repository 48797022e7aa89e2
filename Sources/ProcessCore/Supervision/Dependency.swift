extension ProcessSpec {
  /// A process that has to be there, or to be over, before another is started.
  public struct Dependency: Hashable, Sendable {
    public enum Condition: String, CaseIterable, Sendable {
      /// Its program was started.
      case started
      /// It runs and is of use.
      case ready
      /// It has ended for good.
      case exited
      /// It has ended for good, by itself and by a code that means success.
      case succeeded
    }

    public let process: Name
    public let condition: Condition

    public init(_ process: Name, _ condition: Condition) {
      self.process = process
      self.condition = condition
    }
  }
}

/// What becomes of a condition.
enum Prospect {
  case met, unmet, never
}

extension Process {
  /// Whether one that depends on this one may start.
  func prospect(of condition: ProcessSpec.Dependency.Condition) -> Prospect {
    life.read { life in
      let isOver = life.phase == .ended
      return switch condition {
      case .started: life.starts > 0 ? .met : isOver ? .never : .unmet
      case .ready: life.isReady ? .met : isOver ? .never : .unmet
      case .exited: isOver ? .met : .unmet
      case .succeeded: isOver ? (hasSucceeded(life) ? .met : .never) : .unmet
      }
    }
  }

  private func hasSucceeded(_ life: borrowing Life) -> Bool {
    guard life.outcome == .exited, let exit = life.exit else { return false }
    return (spec.restart ?? ProcessSpec.Restart()).isSuccess(exit)
  }
}
