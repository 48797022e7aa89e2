import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/locks`: Python's `Lock` and `RLock`.
struct LockRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<Lock> { commons.locks }

  var verbs: [Route] {
    [
      Route(.post, "/v1/locks/{name}/acquire", "acquireLock", body: .optionalDocument) { request throws(Problem) in
        try named(request).acquire(request, commons)
      },
      Route(.post, "/v1/locks/{name}/release", "releaseLock", body: .optionalDocument) { request throws(Problem) in
        try named(request).release(request, commons)
      },
    ]
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Lock.Settings {
    Lock.Settings(isReentrant: fields.bool("reentrant") ?? false)
  }

  func write(_ lock: Lock, to object: borrowing JSON) {
    let now = lock.snapshot
    object.set("reentrant", lock.settings.isReentrant)
    object.set("locked", now.isLocked)
    object.set("depth", now.depth)
    object.set("owner", now.owner?.text)
    object.set("token", Int(now.token))
  }

  private func named(_ request: Request) throws(Problem) -> Lock {
    guard let lock = commons.lock(request.parameter(0)) else { throw .notFound("lock") }
    return lock
  }
}

/// The verbs of a lock, which are those of a condition too.
extension Lock {
  func acquire(_ request: Request, _ commons: Commons) throws(Problem) -> Answer {
    let input = try AcquireInput(request, commons)
    return try request.wait { orPark throws(CoreError) in
      try acquire(for: input.session, lease: input.lease, until: input.deadline, orPark: orPark)
    } _: {
      $0.response()
    }
  }

  func release(_ request: Request, _ commons: Commons) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let force = parameters.bool("force") ?? false
    try parameters.finish()
    try request.checkForce(force)
    let session = try request.session(commons)
    var token: Int?
    if request.body.count > 0 {
      let fields = try request.fields()
      token = fields.integer("permit", in: 1...Int.max)
      try fields.check()
    }
    try core { () throws(CoreError) in
      try release(token: token.map { UInt64($0) }, for: session, force: force)
    }
    return .prepared(.noContent)
  }
}
