/// What a handler gives back: a response now, or the promise of one.
public enum Answer: Sendable {
  case now(Response)
  /// The connection is suspended until the reply is sent; no thread and no task waits.
  case parked(Reply)
}
