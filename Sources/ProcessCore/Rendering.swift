import Linux

/// What somebody made of a state, kept until the state changes.
///
/// Whoever changes the state calls `expire` under the state's own lock, after the change and before anybody is told of it:
/// then nobody who was told of a change finds what was made before it.
public final class Rendering: Sendable {
  private struct Made {
    let revision: UInt64
    let object: any AnyObject & Sendable
  }

  private let revision = Atomic<UInt64>(0)
  private let made = Mutex<Made?>(nil)

  init() {}

  func expire() { revision.add(1, ordering: .acquiringAndReleasing) }

  /// What `make` made of the present state, by an earlier call if nothing has changed since.
  public func object(_ make: () -> any AnyObject & Sendable) -> any AnyObject & Sendable {
    // Read before the state is: a change in between makes it old at once.
    let revision = revision.load(ordering: .acquiring)
    if let object = made.withLock({ $0?.revision == revision ? $0?.object : nil }) { return object }
    let object = make()
    made.withLock { $0 = Made(revision: revision, object: object) }
    return object
  }
}
