import HTTP
import JSONCodec
import Linux
import ProcessCore

extension Request {
  /// The session on whose behalf the call is made, renewed by it; nil when no header names one. A process that uses its own
  /// token may name the sessions that end with it, and no other.
  func session(_ commons: Commons) throws(Problem) -> Session? {
    guard let name = sessionName else { return nil }
    guard let session = commons.session(name) else {
      guard Name(String(decoding: name, as: UTF8.self)) != nil else {
        throw .invalid([.init("Procession-Session", "must be \(Name.rule)")])
      }
      throw Problem(410, "SessionEnded", "the session of the header Procession-Session has ended, or never was")
    }
    try session.checkCaller(caller)
    try core { () throws(CoreError) in try session.touch() }
    return session
  }

  /// `force`: what is another's may be taken from it; by the operator alone.
  func checkForce(_ force: Bool) throws(Problem) {
    if force, caller != .operator { throw Problem(403, "Forbidden", "only the service's operator may force it") }
  }
}

extension Session {
  func checkCaller(_ caller: Caller) throws(Problem) {
    if case .bearer(let subject) = caller, settings.process?.text != subject {
      throw Problem(403, "Forbidden", "a process may call on behalf of its own sessions alone")
    }
  }
}
