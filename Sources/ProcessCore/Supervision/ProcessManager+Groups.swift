import Linux

/// What a verb that was for several processes came to for one of them.
public struct GroupResult: Sendable {
  public let name: Name
  /// nil: nobody has that name.
  public let process: Process?
  /// Why nothing was done.
  public let error: CoreError?
  /// Of `stop`.
  public let report: StopReport?
}

/// A verb of one process, for several at once. Names are taken as they are; a label and `all` mean those that the verb is of
/// use for. Each is told of by itself: one that fails spoils nothing for the others.
extension ProcessManager {
  public typealias GroupCompletion = @Sendable ([GroupResult]) -> Void

  /// Starts those that were made and not started. `completion` is told when each runs, waits for its dependencies, or could
  /// not be started.
  public func start(_ selector: ProcessSelector, then completion: @escaping GroupCompletion) {
    let tally = Tally(targets(selector) { $0 == .created }, completion)
    for (index, process) in tally.processes {
      do throws(CoreError) {
        try process.start { result in
          if case .failure(let error) = result { tally.tell(index, error) } else { tally.tell(index) }
        }
      } catch {
        tally.tell(index, error)
      }
    }
    tally.finish()
  }

  /// Ends those that run or would be started with their trees, each when those of them that depend on it have ended.
  public func stop(
    _ selector: ProcessSelector, signal: CInt, grace: Double, then completion: @escaping GroupCompletion = { _ in }
  ) {
    let tally = Tally(targets(selector) { $0 != .created && $0 != .ended }, completion)
    let (indices, processes) = (tally.processes.map(\.index), tally.processes.map(\.process))
    let order = StopOrder(processes) { order, place, _ in
      let end: @Sendable (StopReport?, CoreError?) -> Void = { report, error in
        tally.tell(indices[place], error, report)
        order.hasEnded(place)
      }
      do throws(CoreError) {
        try processes[place].stop(signal: signal, grace: grace) { end($0, nil) }
      } catch {
        end(nil, error)
      }
    }
    for place in processes.indices { order.stop(place) }
    tally.finish()
  }

  public func terminate(_ selector: ProcessSelector) -> [GroupResult] {
    end(selector) { process throws(CoreError) in try process.terminate() }
  }

  public func kill(_ selector: ProcessSelector) -> [GroupResult] {
    end(selector) { process throws(CoreError) in try process.kill() }
  }

  private func end(_ selector: ProcessSelector, _ body: (Process) throws(CoreError) -> Void) -> [GroupResult] {
    targets(selector) { $0 != .created && $0 != .ended }.map { name, process in
      var failure: CoreError?
      do throws(CoreError) {
        guard let process else { throw noSuchProcess }
        try body(process)
      } catch {
        failure = error
      }
      return GroupResult(name: name, process: process, error: failure, report: nil)
    }
  }

  /// Those that can be joined, and what there is to say of the others.
  public func joinable(_ selector: ProcessSelector) -> [GroupResult] {
    targets(selector) { $0 != .created }.map { name, process in
      let isCreated = process?.life.read { $0.phase == .created } ?? false
      let error =
        process == nil
        ? noSuchProcess : isCreated ? CoreError(.notRunning, "only a started process can be joined") : nil
      return GroupResult(name: name, process: process, error: error, report: nil)
    }
  }

  private func targets(
    _ selector: ProcessSelector, where isMeant: (Life.Phase) -> Bool
  ) -> [(name: Name, process: Process?)] {
    let all: [Process]
    switch selector {
    case .names(let names): return names.map { ($0, processes.find($0.text)) }
    case .label(let label): all = processes.all.filter { $0.spec.labels.contains(label) }
    case .all: all = processes.all
    }
    return all.filter { process in isMeant(process.life.read { $0.phase }) }.map { ($0.name, $0) }
  }
}

private let noSuchProcess = CoreError(.notFound, "there is no such process")

/// Collects what is told of each, in any order and from any thread.
private final class Tally: Sendable {
  /// Those that are there, with their places among the targets.
  let processes: [(index: Int, process: Process)]
  private let results: Mutex<[GroupResult]>
  private let left: Atomic<Int>
  private let completion: ProcessManager.GroupCompletion

  init(_ targets: [(name: Name, process: Process?)], _ completion: @escaping ProcessManager.GroupCompletion) {
    processes = targets.enumerated().compactMap { index, target in target.process.map { (index, $0) } }
    results = Mutex(
      targets.map {
        GroupResult(name: $0.name, process: $0.process, error: $0.process == nil ? noSuchProcess : nil, report: nil)
      })
    left = Atomic(processes.count + 1)
    self.completion = completion
  }

  func tell(_ index: Int, _ error: CoreError? = nil, _ report: StopReport? = nil) {
    results.withLock { results in
      let target = results[index]
      results[index] = GroupResult(name: target.name, process: target.process, error: error, report: report)
    }
    finish()
  }

  /// Also once for all that could be asked.
  func finish() {
    guard left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
    completion(results.withLock { $0 })
  }
}
