import Linux

/// The processes that wait for others.
///
/// A dependency is a name: what has it may be made later than what depends on it.
final class Dependencies: Sendable {
  let processes = Registry<Process>(
    kind: "Process", reserved: ["current", "start", "join", "terminate", "kill", "stop"])
  /// By the names that they wait for.
  private let waiting = Mutex<[Name: [Process]]>([:])

  /// What a process has to wait for, and the first of that which will never be.
  struct Look {
    var unmet: [Name] = []
    var never: ProcessSpec.Dependency?

    var isMet: Bool { unmet.isEmpty && never == nil }
  }

  func look(at spec: ProcessSpec) -> Look {
    var look = Look()
    for dependency in spec.dependencies {
      switch processes.find(dependency.process.text)?.prospect(of: dependency.condition) ?? .unmet {
      case .met: continue
      case .unmet: look.unmet.append(dependency.process)
      case .never: look.never = look.never ?? dependency
      }
    }
    return look
  }

  /// From now on it is started when its dependencies are there.
  func add(_ process: Process) {
    waiting.withLock { waiting in
      for dependency in process.spec.dependencies { waiting[dependency.process, default: []].append(process) }
    }
    decide(process)  // One may have come true since anybody looked.
  }

  func remove(_ process: Process) {
    guard !process.spec.dependencies.isEmpty else { return }
    waiting.withLock { waiting in
      for dependency in process.spec.dependencies {
        waiting[dependency.process]?.removeAll { $0 === process }
        if waiting[dependency.process]?.isEmpty == true { waiting[dependency.process] = nil }
      }
    }
  }

  /// Something has happened to a process of this name that others may wait for.
  func changed(_ name: Name) {
    for process in waiting.withLock({ $0.isEmpty ? [] : $0[name] ?? [] }) { decide(process) }
  }

  private func decide(_ process: Process) {
    let look = look(at: process.spec)
    if let never = look.never {
      remove(process)
      process.giveUp("it was to be started when '\(never.process)' has \(never.condition), which will never be")
    } else if look.isMet {
      remove(process)
      process.begin(from: .waiting)
    } else {
      process.rendering.expire()  // It tells what it waits for.
    }
  }

  /// Refuses a process, whose name is taken already, that would wait for itself.
  func checkCycles(_ process: Process) throws(CoreError) {
    var seen: Set<Name> = []
    var queue = process.spec.dependencies.map(\.process)
    while let name = queue.popLast() {
      if name == process.name {
        throw CoreError(.invalid(pointer: "/depends_on"), "'\(name)' would depend on itself")
      }
      guard seen.insert(name).inserted else { continue }
      // One that is being made counts too: of two that come at once and need each other, neither is made.
      let next = processes.find(name.text) ?? processes.claimant(name)
      queue += next?.spec.dependencies.map(\.process) ?? []
    }
  }
}

extension ProcessSpec.Dependency.Condition: CustomStringConvertible {
  public var description: String { rawValue }
}
