import HTTP
import JSONCodec
import Linux
import ProcessCore

extension Problem {
  /// The one place where the core's errors meet HTTP.
  init(_ error: CoreError) {
    switch error.kind {
    case .invalid(let pointer):
      self = .invalid([Problem.FieldError(pointer, error.detail)])
    case .notFound: self.init(404, "NotFound", error.detail)
    case .noSuchIndex: self.init(404, "IndexError", error.detail)
    case .alreadyExists: self.init(409, "AlreadyExists", error.detail)
    case .alreadyStarted: self.init(409, "AlreadyStarted", error.detail)
    case .notRunning: self.init(409, "NotRunning", error.detail)
    case .noTerminal: self.init(409, "NoTerminal", error.detail)
    case .stillRunning: self.init(409, "StillRunning", error.detail)
    case .inUse: self.init(409, "InUse", error.detail)
    case .brokenPipe: self.init(410, "BrokenPipeError", error.detail)
    case .closed: self.init(410, "Closed", error.detail)
    case .sessionEnded: self.init(410, "SessionEnded", error.detail)
    case .notOwner: self.init(409, "NotOwner", error.detail)
    case .overRelease: self.init(409, "OverRelease", error.detail)
    case .empty: self.init(409, "Empty", error.detail)
    case .full: self.init(409, "Full", error.detail)
    case .notJoinable: self.init(409, "NotJoinable", error.detail)
    case .brokenBarrier: self.init(409, "BrokenBarrierError", error.detail)
    case .endOfFile: self.init(410, "EOFError", error.detail)
    case .timedOut: self.init(409, "TimeoutError", error.detail)
    case .bufferTooShort(let length):
      self.init(409, "BufferTooShort", error.detail)
      members = [("length", .integer(length))]
    case .wrongEnd: self.init(409, "WrongEnd", error.detail)
    case .truncated: self.init(410, "Truncated", error.detail)
    case .taskError(let json):
      self.init(409, "TaskError", CoreError.summary(of: json) ?? error.detail)
      members = [("error", .json(json))]
    case .workerLost:
      self.init(409, "WorkerLostError", error.detail)
      members = [("error", .json(error.json))]
    case .taskTimeout:
      self.init(409, "TimeoutError", error.detail)
      members = [("error", .json(error.json))]
    case .cancelled: self.init(409, "Cancelled", error.detail)
    case .resultTooLarge: self.init(409, "ResultTooLarge", error.detail)
    case .poolBroken(let json):
      self.init(409, "PoolBroken", json.flatMap { CoreError.summary(of: $0) } ?? error.detail)
      if let json { members = [("error", .json(json))] }
    case .quota:
      self.init(429, "QuotaExceeded", error.detail)
      headers = [("Retry-After", "1")]
    case .draining:
      self.init(503, "Draining", error.detail)
      headers = [("Retry-After", "1")]
    case .spawn(let step, let cause):
      // For want of memory or descriptors of ours the same request may succeed later; anything else is wrong with it.
      let isTransient =
        ["clone", "fds"].contains(step) && ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"].contains(cause.symbol)
      self.init(isTransient ? 503 : 422, "SpawnError", error.detail)
      members = [("step", .text(step)), ("errno", .text(cause.symbol))]
      if isTransient { headers = [("Retry-After", "1")] }
    case .system(let cause):
      self.init(500, "OSError", error.detail)
      members = [("errno", .text(cause.symbol))]
    }
  }

  static func invalid(_ errors: [FieldError]) -> Problem {
    let summary = errors.map { $0.pointer.isEmpty ? $0.detail : "\($0.pointer): \($0.detail)" }.joined(separator: "; ")
    return Problem(422, "ValueError", summary, errors: errors)
  }

  static func notFound(_ kind: String) -> Problem { Problem(404, "NotFound", "there is no such \(kind)") }
}

/// Runs an operation of the core for a handler.
func core<T>(_ operation: () throws(CoreError) -> T) throws(Problem) -> T {
  do throws(CoreError) { return try operation() } catch { throw Problem(error) }
}

extension Request {
  private static let emptyObject = Bytes("{}")

  /// A reader of the request's document. An empty body that the route allows reads as an empty object.
  func fields(wide: Bool = false) throws(Problem) -> Fields {
    do throws(JSONError) {
      return try Fields(body.count == 0 ? Self.emptyObject.buffer : body.buffer, wide: wide)
    } catch {
      if let pointer = error.pointer { throw .invalid([.init(pointer, error.detail)]) }
      throw Problem(400, "JSONDecodeError", "the body is not JSON: \(error)")
    }
  }
}

extension Fields {
  /// Throws everything that was found wrong, as one problem.
  func check() throws(Problem) {
    do throws(FieldErrors) { try finish() } catch {
      throw .invalid(error.all)
    }
  }
}

extension Problem {
  /// A read of what is required found nothing, and `check` nothing that was said of it: the client's fault all the same, and not
  /// the end of the service.
  static let missing = Problem.invalid([.init("", "something that is required is missing")])
}
