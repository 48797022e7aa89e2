import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/barriers`: Python's `Barrier`.
struct BarrierRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<Barrier> { commons.barriers }

  var verbs: [Route] {
    [
      Route(.post, "/v1/barriers/{name}/wait", "waitForBarrier", wait),
      Route(.post, "/v1/barriers/{name}/release", "releaseBarrier", release),
      Route(.post, "/v1/barriers/{name}/abort", "abortBarrier", abort),
      Route(.post, "/v1/barriers/{name}/reset", "resetBarrier", reset),
    ]
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Barrier.Settings {
    let parties = fields.integer("parties", in: .min...Int(Int32.max), required: true) ?? 1
    if parties < 1 { fields.fail("parties", "parties must be > 0") }
    return Barrier.Settings(
      parties: parties, timeout: fields.number("timeout", in: 0...1e9), hasAction: fields.bool("action") ?? false)
  }

  func write(_ barrier: Barrier, to object: borrowing JSON) {
    let now = barrier.snapshot
    object.set("parties", barrier.settings.parties)
    object.set("timeout", barrier.settings.timeout)
    object.set("action", barrier.settings.hasAction)
    object.set("n_waiting", now.waiting)
    object.set("broken", now.isBroken)
  }

  private func wait(_ request: Request) throws(Problem) -> Answer {
    let barrier = try named(request)
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    try parameters.finish()
    let session = try request.session(commons)
    let hasAction = barrier.settings.hasAction
    return try request.wait { orPark throws(CoreError) in
      try barrier.wait(for: session, until: deadline, orPark: orPark)
    } _: { place throws(Problem) in
      guard let place else { throw Problem(409, "BrokenBarrierError", "the time was over, which breaks the barrier") }
      let object = JSON.object()
      object.set("index", place.index)
      if hasAction { object.set("leader", place.isLeader) }
      return .json(object.dump())
    }
  }

  private func release(_ request: Request) throws(Problem) -> Answer {
    let barrier = try named(request)
    try request.noParameters()
    let session = try request.session(commons)
    try core { () throws(CoreError) in try barrier.release(for: session) }
    return .prepared(.noContent)
  }

  private func abort(_ request: Request) throws(Problem) -> Answer {
    let barrier = try named(request)
    try request.noParameters()
    _ = try request.session(commons)
    barrier.abort()
    return .prepared(.noContent)
  }

  private func reset(_ request: Request) throws(Problem) -> Answer {
    let barrier = try named(request)
    try request.noParameters()
    _ = try request.session(commons)
    barrier.reset()
    return .prepared(.noContent)
  }

  private func named(_ request: Request) throws(Problem) -> Barrier {
    guard let barrier = commons.barrier(request.parameter(0)) else { throw .notFound("barrier") }
    return barrier
  }
}
