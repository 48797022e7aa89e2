import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/semaphores`: Python's `Semaphore` and `BoundedSemaphore`.
struct SemaphoreRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<Semaphore> { commons.semaphores }

  var verbs: [Route] {
    [
      Route(.post, "/v1/semaphores/{name}/acquire", "acquireSemaphore", body: .optionalDocument, acquire),
      Route(.post, "/v1/semaphores/{name}/release", "releaseSemaphore", body: .optionalDocument, release),
    ]
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Semaphore.Settings {
    Semaphore.Settings(
      // Python's SEM_VALUE_MAX.
      initial: fields.integer("value", in: 0...Int(Int32.max)) ?? 1, isBounded: fields.bool("bounded") ?? false)
  }

  func write(_ semaphore: Semaphore, to object: borrowing JSON) {
    object.set("value", semaphore.value)
    object.set("initial", semaphore.settings.initial)
    object.set("bounded", semaphore.settings.isBounded)
  }

  private func acquire(_ request: Request) throws(Problem) -> Answer {
    let semaphore = try named(request)
    let input = try AcquireInput(request, commons)
    return try request.wait { orPark throws(CoreError) in
      try semaphore.acquire(for: input.session, lease: input.lease, until: input.deadline, orPark: orPark)
    } _: {
      $0.response()
    }
  }

  private func release(_ request: Request) throws(Problem) -> Answer {
    let semaphore = try named(request)
    var parameters = Parameters(request)
    let force = parameters.bool("force") ?? false
    try parameters.finish()
    try request.checkForce(force)
    let session = try request.session(commons)
    var count: Int?
    var permit: Int?
    if request.body.count > 0 {
      let fields = try request.fields()
      count = fields.integer("n", in: 1...Int(Int32.max))
      permit = fields.integer("permit", in: 1...Int.max)
      if count != nil, permit != nil { fields.fail("n", "a permit is released alone") }
      try fields.check()
    }
    try core { () throws(CoreError) in
      if let permit {
        try semaphore.release(token: UInt64(permit), for: session, force: force)
      } else {
        try semaphore.release(count ?? 1, for: session, force: force)
      }
    }
    return .prepared(.noContent)
  }

  private func named(_ request: Request) throws(Problem) -> Semaphore {
    guard let semaphore = commons.semaphore(request.parameter(0)) else { throw .notFound("semaphore") }
    return semaphore
  }
}
