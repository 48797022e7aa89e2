import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/sessions`: who owns permits, locks, leases and seats.
struct SessionRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<Session> { commons.sessions }

  static let ttl = 30.0

  var verbs: [Route] { [Route(.post, "/v1/sessions/{name}/touch", "touchSession", touch)] }

  /// A session of a process ends with it; one that a process makes with its own token is its own.
  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Session.Settings {
    let ttl = fields.number("ttl", in: 0.1...86400)
    var process = fields.resourceName("process")
    if case .bearer(let subject) = request.caller {
      guard process == nil || process?.text == subject else {
        throw Problem(403, "Forbidden", "a process may make sessions of its own alone")
      }
      process = Name(subject)
    }
    return Session.Settings(ttl: ttl ?? (process == nil ? Self.ttl : nil), process: process)
  }

  func checkOwn(_ session: Session, _ request: Request) throws(Problem) { try session.checkCaller(request.caller) }

  func write(_ session: Session, to object: borrowing JSON) {
    object.set("ttl", session.settings.ttl)
    object.set("process", session.settings.process?.text)
    object.set("seconds_left", session.secondsLeft)
    object.set("holds", session.heldCount)
  }

  private func touch(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let session = try find(request)
    try checkOwn(session, request)
    try core { () throws(CoreError) in try session.touch() }
    return .now(.json(json(session).dump()))
  }
}
