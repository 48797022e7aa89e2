/// The promise of a response to one parked request, kept exactly once: the first `send` counts, a hang-up ends it.
public final class Reply: Sendable {
  public init() {}

  /// Answers the request, from any thread. Later calls, and calls after the client has gone, do nothing.
  public func send(_ response: Response) {}

  /// What to undo when the client hangs up, or the server drains, before the reply was sent: called at most once, and
  /// at once when that has happened already.
  public func onHangUp(_ cancel: @escaping @Sendable () -> Void) {}
}
