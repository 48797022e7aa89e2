import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/pools/{name}/jobs`: Python's `AsyncResult`.
struct JobRoutes: Sendable {
  let commons: Commons

  var routes: [Route] {
    [
      Route(.get, "/v1/pools/{name}/jobs", "listJobs", list),
      Route(.get, "/v1/pools/{name}/jobs/{id}", "getJob", get),
      Route(.delete, "/v1/pools/{name}/jobs/{id}", "deleteJob", audited: true, delete),
      Route(.post, "/v1/pools/{name}/jobs/{id}/get", "getJobResult", result),
      Route(.post, "/v1/pools/{name}/jobs/{id}/wait", "waitForJob", wait),
      Route(.post, "/v1/pools/{name}/jobs/{id}/put", "putJobItems", body: .stream, put),
      Route(.get, "/v1/pools/{name}/jobs/{id}/results", "readJobResults", results),
      Route(.post, "/v1/pools/{name}/jobs/{id}/cancel", "cancelJob", audited: true, cancel),
      Route(.get, "/v1/pools/{name}/jobs/{id}/events", "watchJob", events),
    ]
  }

  private func list(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let after = parameters.integer("cursor", in: 0...Int.max) ?? 0
    let limit = parameters.integer("limit", in: 1...1000) ?? 100
    try parameters.finish()
    let jobs = try pool(request).jobs.filter { ($0.id ?? 0) > after }
    let items = JSON.array()
    for job in jobs.prefix(limit) { items.append(job.json()) }
    let object = JSON.object()
    object.set("items", items)
    object.set("next", jobs.count > limit ? jobs[limit - 1].id.map { String($0) } : nil)
    return .now(.json(object.dump()))
  }

  private func get(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return .now(try find(request).job.response())
  }

  private func delete(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let (pool, job) = try find(request)
    pool.delete(job)
    return .prepared(.noContent)
  }

  private func result(_ request: Request) throws(Problem) -> Answer {
    let deadline = try deadline(request)
    let (pool, job) = try find(request)
    return try request.wait { orPark throws(CoreError) in
      try job.get(until: deadline, orPark: orPark)
    } _: { result throws(Problem) in
      guard let result else { throw .timeout }
      pool.wasRead(job)
      return .json(result.document(collects: !job.call.stopsOnError))
    }
  }

  private func wait(_ request: Request) throws(Problem) -> Answer {
    let deadline = try deadline(request)
    let (_, job) = try find(request)
    return try request.wait { orPark throws(CoreError) in
      try job.wait(until: deadline, orPark: orPark)
    } _: { _ in
      job.response()
    }
  }

  /// Hands in items of a job that is streamed, as they come and as there is room for them.
  private func put(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let block = parameters.bool("block") ?? true
    let timeout = parameters.seconds("timeout")
    let isLast = parameters.bool("close") ?? false
    try parameters.finish()
    let (pool, job) = try find(request)
    try core { () throws(CoreError) in try job.checkOpen() }
    return .upload(ItemUpload(into: job, of: pool, patience: block ? timeout : 0, isLast: isLast))
  }

  /// The results of a job that is streamed, as they come. Each is told once.
  private func results(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let (pool, job) = try find(request)
    guard job.isStreamed else { throw Problem(409, "WrongEnd", "the results of this job are not streamed") }
    return .now(Response(200, contentType: "application/x-ndjson", .stream(ResultStream(job, listedIn: pool))))
  }

  private func cancel(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let (_, job) = try find(request)
    let wasRunning = job.cancel()
    let object = job.json()
    object.set("cancelled", wasRunning)
    return .now(.json(object.dump()))
  }

  private func events(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return .now(.events(JobEvents(try find(request).job).produce))
  }

  private func deadline(_ request: Request) throws(Problem) -> Deadline? {
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    try parameters.finish()
    return deadline
  }

  private func pool(_ request: Request) throws(Problem) -> Pool {
    guard let pool = commons.pool(request.parameter(0)) else { throw .notFound("pool") }
    return pool
  }

  private func find(_ request: Request) throws(Problem) -> (pool: Pool, job: Job) {
    let pool = try pool(request)
    guard let id = Int(String(decoding: request.parameter(1), as: UTF8.self)), let job = pool.job(id) else {
      throw .notFound("job")
    }
    return (pool, job)
  }
}

/// A job's progress as Server-Sent Events, then how it ended.
private final class JobEvents {
  private let job: Job
  private var version = -1
  private var isOver = false

  init(_ job: Job) { self.job = job }

  func produce(_ deadline: Deadline, _ wake: @escaping @Sendable (_ timedOut: Bool) -> Void) -> EventStream.Step {
    if isOver { return .end }
    return step(wake) { orPark throws(CoreError) in
      try job.follow(after: version, until: deadline, orPark: orPark)
    } _: { told in
      version = told.version
      isOver = told.progress.isOver
      return .text(event(told.progress))
    }
  }

  private func event(_ progress: JobProgress) -> String {
    let data = progress.json()
    if isOver {
      data.set("ready", true)
      data.set("successful", progress.isSuccessful)
      data.set("error", job.error.map { Problem($0).code })
    }
    var text = data.dump().text
    if let report = progress.report { text = "\(text.dropLast()),\"report\":\(report.text)}" }
    return EventStream.event(isOver ? "end" : "progress", id: UInt64(version), data: Bytes(text))
  }
}
