/// Which of the service's processes an operation is for.
public enum ProcessSelector: Hashable, Sendable {
  case names([Name])
  case label(ProcessSpec.Label)
  case all
}

extension ProcessManager {
  /// Those that run now, in the order in which they were made; of names, those that are there.
  public func select(_ selector: ProcessSelector) -> [Process] {
    switch selector {
    case .names(let names): names.compactMap { processes.find($0.text) }
    case .label(let label): running.filter { $0.spec.labels.contains(label) }
    case .all: running
    }
  }

  private var running: [Process] { processes.all.filter { $0.snapshot.isAlive } }
}
