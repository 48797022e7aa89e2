public import Linux

/// Why the core refused or could not do something. The kind says what a caller may do about it; numbers for the wire are
/// given at the edge.
public struct CoreError: Error, Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// A field of the caller's specification is wrong; `pointer` names it as RFC 6901 does.
    case invalid(pointer: String)
    case notFound
    case alreadyExists
    /// `start()` of a process that was started before (Python: AssertionError).
    case alreadyStarted
    /// The operation needs a running process.
    case notRunning
    /// The operation needs a process that has ended (Python's `close()`: ValueError).
    case stillRunning
    /// Another resource is made from it.
    case inUse
    /// Nobody reads the other end any more.
    case brokenPipe
    /// The resource was deleted or closed while somebody waited on it.
    case closed
    /// A quota is used up.
    case quota
    /// The service is stopping.
    case draining
    /// A child could not be started; `step` is the one that failed, and nothing is left of the attempt.
    case spawn(step: String, SystemError)
    /// A system call failed that was not expected to.
    case system(SystemError)
  }

  public let kind: Kind
  /// A sentence for people.
  public let detail: String

  public init(_ kind: Kind, _ detail: String) {
    self.kind = kind
    self.detail = detail
  }

  static func system(_ error: SystemError) -> CoreError { CoreError(.system(error), error.description) }
}
