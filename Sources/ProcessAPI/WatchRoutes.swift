import HTTP
import JSONCodec
import Linux
import ProcessCore

/// What happens, as it happens: `/v1/watch`, and a process's own events.
struct WatchRoutes: Sendable {
  let manager: ProcessManager

  var routes: [Route] {
    [
      Route(.get, "/v1/watch", "watch", watch),
      Route(.get, "/v1/processes/{name}/events", "watchProcess", watchProcess),
    ]
  }

  /// From now on, or from after the event that the client had last.
  private func watch(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let after = try lastEvent(request, &parameters)
    try parameters.finish()
    return .now(.events(follow(after: after ?? manager.log.lastID) { _ in true }))
  }

  /// The life of one process from its making to its end.
  private func watchProcess(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let after = try lastEvent(request, &parameters)
    try parameters.finish()
    guard let process = manager.process(request.parameter(0)) else { throw .notFound("process") }
    let name = process.name
    return .now(
      .events(
        follow(after: after ?? process.eventsBefore) {
          $0.name == name && $0.type.hasPrefix("process.")
        } isLast: {
          $0.type == "process.deleted"
        }))
  }

  private func lastEvent(_ request: Request, _ parameters: inout Parameters) throws(Problem) -> UInt64? {
    let after = parameters.integer("after", in: 0...Int.max)
    return try request.lastEventID() ?? after.map { UInt64($0) }
  }

  private func follow(
    after start: UInt64, where isWanted: @escaping (EventLog.Entry) -> Bool,
    isLast: @escaping (EventLog.Entry) -> Bool = { _ in false }
  ) -> EventStream.Producer {
    let log = manager.log
    var seen = start
    var isOver = false
    return { deadline, wake in
      if isOver { return .end }
      return step(wake) { orPark throws(CoreError) in
        try log.next(after: seen, until: deadline, orPark: orPark)
      } _: { batch in
        switch batch {
        case .gap(let from, let through):
          seen = through
          let data = JSON.object()
          data.set("from", Int(from))
          data.set("through", Int(through))
          return .text(EventStream.event("gap", id: through, data: data.dump()))
        case .entries(let entries):
          seen = entries.last?.id ?? seen
          let wanted = entries.filter(isWanted)
          isOver = wanted.contains(where: isLast)
          if wanted.isEmpty { return .again }
          return .text(wanted.map { EventStream.event($0.type, id: $0.id, data: $0.json().dump()) }.joined())
        }
      }
    }
  }
}

extension EventLog.Entry {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    object.set("id", Int(id))
    object.set("at", at.rfc3339)
    object.set("type", type)
    object.set("name", name.text)
    for (name, value) in details {
      switch value {
      case .text(let text): object.set(name: name, text)
      case .integer(let integer): object.set(name: name, integer)
      case .number(let number): object.set(name: name, number)
      }
    }
    return object
  }
}
