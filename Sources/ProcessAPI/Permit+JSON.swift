import HTTP
import JSONCodec
import Linux
import ProcessCore

/// What `acquire` answers, of a semaphore and of a lock.
extension Optional<Permit> {
  /// nil is Python's False: the time was over first.
  func response() -> Response {
    let object = JSON.object()
    object.set("acquired", self != nil)
    object.set("permit", map { Int($0.token) })
    object.set("token", map { Int($0.token) })
    object.set("abandoned", self?.isAbandoned ?? false)
    return .json(object.dump())
  }
}

/// What `acquire` may be asked for.
struct AcquireInput {
  let deadline: Deadline?
  /// Seconds after which the permit comes back by itself.
  let lease: Double?
  let session: Session?

  init(_ request: Request, _ commons: Commons) throws(Problem) {
    var parameters = Parameters(request)
    deadline = parameters.deadline()
    try parameters.finish()
    session = try request.session(commons)
    guard request.body.count > 0 else {
      lease = nil
      return
    }
    let fields = try request.fields()
    lease = fields.number("lease", in: 0.001...86400)
    try fields.check()
  }
}
