import Linux

/// What became of a signal to one of several processes.
public struct SignalDelivery: Sendable {
  public let name: Name
  /// nil: it was sent.
  public let error: CoreError?
}

extension ProcessManager {
  /// Sends one signal to many, and tells for each what became of it. A name that nobody has is told of too.
  public func signal(
    _ number: CInt, to selector: ProcessSelector, target: SignalTarget, value: CInt? = nil,
    then completion: @escaping @Sendable ([SignalDelivery]) -> Void
  ) {
    let targets = named(selector)
    let deliveries = Deliveries(targets.map(\.name), completion)
    for (index, (_, process)) in targets.enumerated() {
      guard let process else {
        deliveries.tell(index, CoreError(.notFound, "there is no such process"))
        continue
      }
      do throws(CoreError) {
        if target == .tree {
          try process.signalTree(number) { deliveries.tell(index, nil) }
        } else {
          try process.signal(number, toGroup: target == .group, value: value)
          deliveries.tell(index, nil)
        }
      } catch {
        deliveries.tell(index, error)
      }
    }
    deliveries.finish()
  }

  private func named(_ selector: ProcessSelector) -> [(name: Name, process: Process?)] {
    if case .names(let names) = selector { return names.map { ($0, processes.find($0.text)) } }
    return select(selector).map { ($0.name, $0) }
  }
}

/// Collects what is told of each, in any order and from any thread.
private final class Deliveries: Sendable {
  private let names: [Name]
  private let errors: Mutex<[CoreError?]>
  private let left: Atomic<Int>
  private let completion: @Sendable ([SignalDelivery]) -> Void

  init(_ names: [Name], _ completion: @escaping @Sendable ([SignalDelivery]) -> Void) {
    self.names = names
    self.completion = completion
    errors = Mutex(Array(repeating: nil, count: names.count))
    left = Atomic(names.count + 1)
  }

  func tell(_ index: Int, _ error: CoreError?) {
    errors.withLock { $0[index] = error }
    finish()
  }

  func finish() {
    guard left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
    let errors = errors.withLock { $0 }
    completion(zip(names, errors).map { SignalDelivery(name: $0, error: $1) })
  }
}

extension ProcessManager {
  /// Puts what says that a signal came into the queue that its handler names. False when that is full, closed or gone.
  public func put(_ message: consuming Message, intoQueue name: Name) -> Bool {
    guard let queue = commons.queues.registry.find(name.text) else { return false }
    do throws(CoreError) {
      guard case .done = try queue.put(message, until: .now, orPark: { { _ in } }) else { return false }
      return true
    } catch {
      return false
    }
  }
}
