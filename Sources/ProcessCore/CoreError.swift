public import Linux

/// Why the core refused or could not do something. The kind says what a caller may do about it; numbers for the wire are
/// given at the edge.
public struct CoreError: Error, Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// A field of the caller's specification is wrong; `pointer` names it as RFC 6901 does.
    case invalid(pointer: String)
    case notFound
    /// A sequence has no item of that index (Python: IndexError).
    case noSuchIndex
    case alreadyExists
    /// `start()` of a process that was started before (Python: AssertionError).
    case alreadyStarted
    /// The operation needs a running process.
    case notRunning
    /// The operation needs a process that was made with a terminal.
    case noTerminal
    /// The operation needs a process that has ended (Python's `close()`: ValueError).
    case stillRunning
    /// Another resource is made from it.
    case inUse
    /// Nobody reads the other end any more.
    case brokenPipe
    /// The resource was deleted or closed while somebody waited on it.
    case closed
    /// The session on whose behalf the call was made has ended, or never was.
    case sessionEnded
    /// Somebody else holds it (Python: AssertionError of a lock that is not owned).
    case notOwner
    /// Released more often than acquired (Python: ValueError "semaphore or lock released too many times").
    case overRelease
    /// Nothing came in time (`queue.Empty`).
    case empty
    /// There was no room in time (`queue.Full`).
    case full
    /// The queue does not count what is done (Python: AttributeError, since a `Queue` has no `task_done`).
    case notJoinable
    /// `threading.BrokenBarrierError`.
    case brokenBarrier
    /// All is read and nobody can write any more (`EOFError`).
    case endOfFile
    /// What was waited for did not come in time, where Python would raise (`multiprocessing.TimeoutError`).
    case timedOut
    /// The next message has more bytes than the caller has room for (`multiprocessing.BufferTooShort`).
    case bufferTooShort(length: Int)
    /// This end does not go that way (Python: OSError "connection is read-only").
    case wrongEnd
    /// Another program truncated memory that it shares with us; what was in it is lost.
    case truncated
    /// A task raised `json`: {type, message, traceback, args}.
    case taskError(json: String)
    /// The worker that was in the task ended.
    case workerLost(exitcode: CInt?, signal: CInt?, isBreach: Bool)
    /// The task took longer than it may; `partial` is what it had written, as JSON.
    case taskTimeout(partial: String?)
    /// Somebody ended it.
    case cancelled
    /// What came of the task is more than may be kept.
    case resultTooLarge
    /// The pool's workers cannot be started; their initializer raised `json`.
    case poolBroken(json: String?)
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
