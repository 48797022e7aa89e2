import Glibc
import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/pools`: Python's `Pool`.
struct PoolRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<Pool> { commons.pools }
  /// Whoever makes one chooses the programs that run.
  var creators: Access { .operatorOnly }

  var verbs: [Route] {
    [
      Route(.patch, "/v1/pools/{name}", "resizePool", body: .document, audited: true, resize),
      Route(.post, "/v1/pools/{name}/close", "closePool", audited: true, close),
      Route(.post, "/v1/pools/{name}/terminate", "terminatePool", audited: true, terminate),
      Route(.post, "/v1/pools/{name}/join", "joinPool", join),
      Route(.post, "/v1/pools/{name}/restart", "restartPool", audited: true, restart),
      Route(.get, "/v1/pools/{name}/workers", "listPoolWorkers", workers),
      Route(.get, "/v1/pools/{name}/workers/{worker}/output", "readPoolWorkerOutput", output),
      Route(.post, "/v1/pools/{name}/workers/{worker}/restart", "restartPoolWorker", audited: true, restartWorker),
    ] + PoolTaskRoutes(commons: commons).routes + JobRoutes(commons: commons).routes
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Pool.Settings {
    var settings = Pool.Settings(
      processes: fields.integer("processes", in: 1...Int(Int32.max)) ?? sysconf(CInt(_SC_NPROCESSORS_ONLN)),
      worker: fields.worker())
    settings.initializer = fields.string("initializer")
    settings.maxTasksPerChild = fields.integer("maxtasksperchild", in: 1...Int.max)
    settings.limits = fields.limits() ?? []
    settings.environment = fields.environment() ?? []
    settings.window = fields.integer("window", in: 1...1024) ?? 16
    settings.grace = fields.number("grace", in: 0...1e9) ?? 1
    fields.ignore("initargs")
    let document = try SplitDocument(request, own: ["initargs"])
    if let initargs = document.array("initargs") {
      settings.initargs = initargs.text
    } else if document.own("initargs") != nil {
      fields.fail("initargs", "must be an array")
    }
    if case .exec = settings.worker, settings.initializer != nil {
      fields.fail("initializer", "programs that run for one task have none")
    }
    return settings
  }

  func write(_ pool: Pool, to object: borrowing JSON) { pool.write(to: object) }

  func answer(
    with pool: Pool, to request: Request, _ response: @escaping @Sendable () -> Response
  ) throws(Problem) -> Answer {
    try request.wait { orPark throws(CoreError) in
      try pool.whenRunning(until: nil, orPark: orPark)
    } _: { _ in
      response()
    }
  }

  private func resize(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let pool = try find(request)
    let fields = try request.fields()
    let processes = fields.integer("processes", in: 1...Int(Int32.max), required: true) ?? 1
    try fields.check()
    try core { () throws(CoreError) in try pool.resize(processes) }
    return .now(.json(json(pool).dump()))
  }

  private func close(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let pool = try find(request)
    pool.close()
    return .now(.json(json(pool).dump()))
  }

  private func terminate(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let pool = try find(request)
    pool.terminate()
    return .now(.json(json(pool).dump()))
  }

  private func join(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    try parameters.finish()
    let pool = try find(request)
    return try request.wait { orPark throws(CoreError) in
      try pool.join(until: deadline, orPark: orPark)
    } _: { joined in
      let object = json(pool)
      object.set("joined", joined != nil)
      return .json(object.dump())
    }
  }

  private func restart(_ request: Request) throws(Problem) -> Answer { try restart(request, nil) }

  private func restartWorker(_ request: Request) throws(Problem) -> Answer {
    try restart(request, String(decoding: request.parameter(1), as: UTF8.self))
  }

  private func restart(_ request: Request, _ worker: String?) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    try parameters.finish()
    let pool = try find(request)
    return try request.wait { orPark throws(CoreError) in
      try pool.restart(worker, until: deadline, orPark: orPark)
    } _: { restarted in
      let object = json(pool)
      object.set("restarted", restarted != nil)
      return .json(object.dump())
    }
  }

  /// What a worker has written to stdout and stderr, its tasks' output included.
  private func output(_ request: Request) throws(Problem) -> Answer {
    let name = String(decoding: request.parameter(1), as: UTF8.self)
    guard let worker = try find(request).workers.first(where: { $0.name.text == name }) else {
      throw .notFound("worker")
    }
    return try OutputRoutes.read(request, worker.process)
  }

  private func workers(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let pool = try find(request)
    let items = JSON.array()
    for worker in pool.workers {
      let item = worker.json()
      item.set("rss", worker.pid.flatMap { ProcFile().residentBytes(of: $0) })
      items.append(item)
    }
    let object = JSON.object()
    object.set("items", items)
    return .now(.json(object.dump()))
  }
}

extension Fields {
  fileprivate func worker() -> Pool.Worker {
    guard isGiven("worker") else { return .python(executable: nil, path: [], source: nil) }
    guard let worker = object("worker") else { return .exec }
    let given = ["python", "exec", "command"].filter { worker.isGiven($0) }
    guard given.count == 1 else {
      fail("worker", "must be one of {\"python\": {…}}, {\"exec\": {}} and {\"command\": […]}")
      return .exec
    }
    switch given[0] {
    case "python":
      let python = worker.object("python")
      return .python(
        executable: python?.string("executable"), path: python?.strings("path") ?? [],
        source: python?.string("source"))
    case "exec":
      _ = worker.object("exec")
      return .exec
    default:
      let command = worker.strings("command") ?? []
      if command.first?.isEmpty ?? true { worker.fail("command", "must have at least one item, and not an empty one") }
      return .command(command)
    }
  }
}
