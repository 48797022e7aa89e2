/// On whose authority a request is made.
public enum Caller: Hashable, Sendable {
  /// The request gave no credentials; only `Access.open` operations see it.
  case nobody
  /// Whoever holds the service's token or owns its Unix socket.
  case `operator`
  /// Whoever holds a token that was issued to `subject`.
  case bearer(subject: String)
}
