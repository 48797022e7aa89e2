/// What a handler gives back: a response now, or the promise of one, or a place for the body that it depends on.
public enum Answer: Sendable {
  case now(Response)
  /// As `now`, with a response that is the same for all and so costs the least.
  case prepared(PreparedResponse)
  /// The connection is suspended until the reply is sent; no thread and no task waits.
  case parked(Reply)
  /// The body is yet to come and goes into the sink, which answers at its end. For routes whose body is a `stream`, and for
  /// nothing else.
  case upload(any BodySink)
}
