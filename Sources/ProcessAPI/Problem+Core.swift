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
    case .alreadyExists: self.init(409, "AlreadyExists", error.detail)
    case .alreadyStarted: self.init(409, "AlreadyStarted", error.detail)
    case .notRunning: self.init(409, "NotRunning", error.detail)
    case .stillRunning: self.init(409, "StillRunning", error.detail)
    case .inUse: self.init(409, "InUse", error.detail)
    case .brokenPipe: self.init(410, "BrokenPipeError", error.detail)
    case .closed: self.init(410, "Closed", error.detail)
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
  func fields() throws(Problem) -> Fields {
    do throws(JSONError) {
      return try Fields(body.count == 0 ? Self.emptyObject.buffer : body.buffer)
    } catch {
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
