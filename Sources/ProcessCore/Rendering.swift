public import Linux

/// Bytes that are made from a state and kept until the state changes.
///
/// Whoever changes the state calls `expire` under the state's own lock, after the change and before anybody is told of it:
/// then nobody who was told of a change finds bytes from before it.
public final class Rendering: Sendable {
  private struct Made {
    let revision: UInt64
    let bytes: Bytes
  }

  private let revision = Atomic<UInt64>(0)
  private let made = Mutex<Made?>(nil)

  init() {}

  func expire() { revision.add(1, ordering: .acquiringAndReleasing) }

  /// The bytes that `make` made of the present state, by an earlier call if nothing has changed since.
  public func bytes(_ make: () -> Bytes) -> Bytes {
    // Read before the state is: a change in between makes these bytes old at once.
    let revision = revision.load(ordering: .acquiring)
    if let bytes = made.withLock({ $0?.revision == revision ? $0?.bytes : nil }) { return bytes }
    let bytes = make()
    made.withLock { $0 = Made(revision: revision, bytes: bytes) }
    return bytes
  }
}
