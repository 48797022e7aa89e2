import HTTP
import JSONCodec
import Linux
import ProcessCore

/// Who waits for what, and `select()` over HTTP.
struct WaitRoutes: Sendable {
  let manager: ProcessManager
  let kinds: [any ResourceRoutes]

  private var commons: Commons { manager.commons }

  var routes: [Route] {
    [
      Route(.get, "/v1/waiters", "listWaiters", list),
      Route(.post, "/v1/wait", "wait", body: .document, wait),
    ]
  }

  /// All waiting is in one place, so this is all of it.
  private func list(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let session = parameters.text("session")
    try parameters.finish()
    let waiters = JSON.array()
    let holders = JSON.array()
    for process in manager.processes.all {
      for waiting in process.waiting where session == nil || waiting.session?.text == session {
        waiters.append(waiting.json("process", process.name))
      }
    }
    guard let service = Name("service") else { preconditionFailure("it is a name") }
    for waiting in manager.signals.waiting where session == nil || waiting.session?.text == session {
      waiters.append(waiting.json("signal", service))
    }
    for kind in kinds { kind.list(of: session, waiters: waiters, holders: holders) }
    let object = JSON.object()
    object.set("waiters", waiters)
    object.set("holders", holders)
    return .now(.json(object.dump()))
  }

  private func wait(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    var deadline = parameters.deadline()
    try parameters.finish()
    let session = try request.session(commons)
    let fields = try request.fields()
    if let timeout = fields.number("timeout", in: 0...1e9), deadline == nil { deadline = .after(seconds: timeout) }
    fields.rejectNull("any", "all")
    let any = fields.items("any")
    let all = fields.items("all")
    if fields.kind("any") != .absent, fields.kind("all") != .absent { fields.fail("all", "any is given too") }
    if any == nil, all == nil { fields.fail("any", "any or all must be given") }
    let asked = (any ?? []) + (all ?? [])
    if asked.count > Self.limit { fields.fail(all == nil ? "any" : "all", "must have at most \(Self.limit) items") }
    let targets = asked.compactMap(target)
    try fields.check()
    let selection = Selection(try targets.map(find), all: all != nil, for: session)
    return try request.wait { orPark throws(CoreError) in
      try selection.wait(until: deadline, orPark: orPark)
    } _: { ready in
      let array = JSON.array()
      for index in ready ?? [] { array.append(targets[index].json()) }
      let object = JSON.object()
      object.set("ready", array)
      return .json(object.dump())
    }
  }

  private static let limit = 1000

  private func target(_ fields: Fields) -> SelectionTarget? {
    if fields.kind("job") != .absent { return SelectionTarget(job: fields) }
    let selectable = kinds.filter(\.isSelectable).map(\.kind.singular)
    let named = ["process"] + selectable
    fields.rejectNull(named)
    let given = named.compactMap { kind in
      fields.string(kind).map { SelectionTarget(kind: kind, name: $0, fields) }
    }
    if given.count == 1 { return given[0] }
    fields.fail(
      "process", "must name one thing to wait for: a process, \(selectable.joined(separator: ", ")), or a pool's job")
    return nil
  }

  private func find(_ target: SelectionTarget) throws(Problem) -> any Selectable {
    if let job = target.job {
      guard let pool = commons.pools.registry.find(target.name), let found = pool.job(job) else {
        throw Problem(404, "NotFound", "there is no such job: \(job) of \(target.name)")
      }
      return found
    }
    let found: (any Selectable)? =
      target.kind == "process"
      ? manager.processes.find(target.name)
      : kinds.first { $0.kind.singular == target.kind }?.selectable(target)
    guard let found else { throw Problem(404, "NotFound", "there is no such \(target.kind): \(target.name)") }
    return found
  }
}

/// What one waits for, as the request names it and the answer too.
struct SelectionTarget: Sendable {
  let kind: String
  let name: String
  /// Of a pipe.
  let end: Int?
  /// Of a pool, whose name this has.
  let job: Int?

  init(kind: String, name: String, _ fields: Fields) {
    self.kind = kind
    self.name = name
    job = nil
    end = kind == "pipe" ? fields.integer("end", in: 0...1, required: true) : nil
  }

  init(job fields: Fields) {
    kind = "pool"
    name = fields.string("pool", required: true) ?? ""
    job = fields.integer("job", in: 1...Int.max, required: true) ?? 0
    end = nil
  }

  func json() -> JSON {
    let object = JSON.object()
    object.set(name: kind, name)
    if let job { object.set("job", job) }
    if let end { object.set("end", end) }
    return object
  }
}

extension ResourceRoutes {
  func list(of session: String?, waiters: borrowing JSON, holders: borrowing JSON) {
    for item in resources.registry.all {
      for waiting in item.waiting where session == nil || waiting.session?.text == session {
        waiters.append(waiting.json(kind.singular, item.name))
      }
      for holder in item.holders where session == nil || holder.session.text == session {
        holders.append(holder.json(kind.singular, item.name))
      }
    }
  }
}

extension Waiting {
  fileprivate func json(_ kind: String, _ name: Name) -> JSON {
    let object = JSON.object()
    object.set("kind", kind)
    object.set("name", name.text)
    object.set("verb", verb.rawValue)
    object.set("since", since.rfc3339)
    object.set("seconds_left", secondsLeft)
    object.set("session", session?.text)
    return object
  }
}

extension Holder {
  fileprivate func json(_ kind: String, _ name: Name) -> JSON {
    let object = JSON.object()
    object.set("kind", kind)
    object.set("name", name.text)
    object.set("session", session.text)
    object.set("count", count)
    object.set("since", since.rfc3339)
    return object
  }
}
