import Linux

/// What `acquire` gives: the right that `release` gives back.
public struct Permit: Sendable {
  /// A fencing token: higher than that of every earlier permit of the same resource.
  public let token: UInt64
  /// Whether somebody lost what is given now: a session that ended, or a lease that ran out, without a release.
  public let isAbandoned: Bool
}

/// A permit that is out and that somebody answers for.
struct Holding: Sendable {
  let session: Session?
  let since = WallTime.now
  let lease: Lease?
}

/// Takes a permit back when its time is over.
final class Lease: Alarm, @unchecked Sendable {
  // Sendable: its fields never change.
  let seconds: Double
  private let end: @Sendable () -> Void

  init(_ seconds: Double, _ end: @escaping @Sendable () -> Void) {
    self.seconds = seconds
    self.end = end
  }

  override func ring() { end() }
}
