import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/events`: Python's `Event`.
struct EventRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<Event> { commons.events }

  var verbs: [Route] {
    [
      Route(.post, "/v1/events/{name}/set", "setEvent", set),
      Route(.post, "/v1/events/{name}/clear", "clearEvent", clear),
      Route(.post, "/v1/events/{name}/wait", "waitForEvent", wait),
    ]
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Event.Settings { Event.Settings() }

  func write(_ event: Event, to object: borrowing JSON) { object.set("is_set", event.isSet) }

  private func set(_ request: Request) throws(Problem) -> Answer {
    let event = try named(request)
    try request.noParameters()
    _ = try request.session(commons)
    event.set()
    return .prepared(.noContent)
  }

  private func clear(_ request: Request) throws(Problem) -> Answer {
    let event = try named(request)
    try request.noParameters()
    _ = try request.session(commons)
    event.clear()
    return .prepared(.noContent)
  }

  private func wait(_ request: Request) throws(Problem) -> Answer {
    let event = try named(request)
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    try parameters.finish()
    let session = try request.session(commons)
    return try request.wait { orPark throws(CoreError) in
      try event.wait(for: session, until: deadline, orPark: orPark)
    } _: { set in
      let object = JSON.object()
      object.set("is_set", set != nil)
      return .json(object.dump())
    }
  }

  private func named(_ request: Request) throws(Problem) -> Event {
    guard let event = commons.event(request.parameter(0)) else { throw .notFound("event") }
    return event
  }
}
