import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/conditions`: Python's `Condition`.
struct ConditionRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<Condition> { commons.conditions }

  var verbs: [Route] {
    let path = "/v1/conditions/{name}"
    return [
      Route(.post, path + "/acquire", "acquireCondition", body: .optionalDocument) { request throws(Problem) in
        try named(request).lock.acquire(request, commons)
      },
      Route(.post, path + "/release", "releaseCondition", body: .optionalDocument) { request throws(Problem) in
        try named(request).lock.release(request, commons)
      },
      Route(.post, path + "/wait", "waitForCondition", wait),
      Route(.post, path + "/notify", "notifyCondition", body: .optionalDocument, notify),
      Route(.post, path + "/notify_all", "notifyAllCondition", notifyAll),
    ]
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Condition.Settings {
    Condition.Settings(lock: fields.resourceName("lock").map { .named($0) } ?? .own)
  }

  func write(_ condition: Condition, to object: borrowing JSON) { object.set("lock", condition.lock.name.text) }

  private func wait(_ request: Request) throws(Problem) -> Answer {
    let condition = try named(request)
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    try parameters.finish()
    let session = try request.session(commons)
    return try request.wait { orPark throws(CoreError) in
      try condition.wait(for: session, until: deadline, orPark: orPark)
    } _: { wakening in
      guard let wakening else { preconditionFailure("a wait ends with the lock, however late") }
      let object = JSON.object()
      object.set("notified", wakening.isNotified)
      object.set("token", Int(wakening.permit.token))
      object.set("abandoned", wakening.permit.isAbandoned)
      return .json(object.dump())
    }
  }

  private func notify(_ request: Request) throws(Problem) -> Answer {
    let condition = try named(request)
    try request.noParameters()
    let session = try request.session(commons)
    var count: Int?
    if request.body.count > 0 {
      let fields = try request.fields()
      count = fields.integer("n")
      try fields.check()
    }
    try core { () throws(CoreError) in try condition.notify(count ?? 1, for: session) }
    return .prepared(.noContent)
  }

  private func notifyAll(_ request: Request) throws(Problem) -> Answer {
    let condition = try named(request)
    try request.noParameters()
    let session = try request.session(commons)
    try core { () throws(CoreError) in try condition.notifyAll(for: session) }
    return .prepared(.noContent)
  }

  private func named(_ request: Request) throws(Problem) -> Condition {
    guard let condition = commons.condition(request.parameter(0)) else { throw .notFound("condition") }
    return condition
  }
}
