import HTTP
import JSONCodec
import Linux
import ProcessCore

/// Handing work to pools.
struct PoolTaskRoutes: Sendable {
  let commons: Commons

  var routes: [Route] {
    [
      Route(.post, "/v1/pools/{name}/apply", "applyPool", body: .document, waiting(.apply)),
      Route(.post, "/v1/pools/{name}/map", "mapPool", body: .document, waiting(.map)),
      Route(.post, "/v1/pools/{name}/starmap", "starmapPool", body: .document, waiting(.starmap)),
      Route(.post, "/v1/pools/{name}/apply_async", "applyPoolAsync", body: .document, listing(.apply)),
      Route(.post, "/v1/pools/{name}/map_async", "mapPoolAsync", body: .document, listing(.map)),
      Route(.post, "/v1/pools/{name}/starmap_async", "starmapPoolAsync", body: .document, listing(.starmap)),
      Route(.post, "/v1/pools/{name}/imap", "imapPool", body: .document, streaming(isOrdered: true)),
      Route(
        .post, "/v1/pools/{name}/imap_unordered", "imapPoolUnordered", body: .document, streaming(isOrdered: false)),
      Route(
        .post, "/v1/pools/{name}/imap_async", "imapPoolAsync", body: .document, listingStream(isOrdered: true)),
      Route(
        .post, "/v1/pools/{name}/imap_unordered_async", "imapPoolUnorderedAsync", body: .document,
        listingStream(isOrdered: false)),
    ]
  }

  private func waiting(_ operation: Call.Operation) -> Route.Handler {
    { request throws(Problem) in try wait(request, operation) }
  }

  private func listing(_ operation: Call.Operation) -> Route.Handler {
    { request throws(Problem) in try list(request, operation) }
  }

  /// Answers with the result. A client that goes before has its job cancelled: nobody else could fetch the result.
  private func wait(_ request: Request, _ operation: Call.Operation) throws(Problem) -> Answer {
    var deadline: Deadline?
    if !request.query.isEmpty {
      var parameters = Parameters(request)
      deadline = parameters.deadline()
      try parameters.finish()
    }
    let pool = try named(request)
    let input = try TaskInput(request, operation, for: pool, in: commons)
    let job = try core { () throws(CoreError) in try pool.submit(input.call, input.input) }
    let collects = !input.call.stopsOnError
    return try request.wait { orPark throws(CoreError) in
      try job.get(until: deadline, orPark: orPark)
    } onHangUp: {
      job.cancel()
    } _: { result throws(Problem) in
      guard let result else {
        job.cancel()
        throw .timeout
      }
      return .json(result.document(collects: collects))
    }
  }

  /// Answers with a job, which lives on.
  private func list(_ request: Request, _ operation: Call.Operation) throws(Problem) -> Answer {
    try request.noParameters()
    let pool = try named(request)
    let input = try TaskInput(request, operation, for: pool, in: commons, isListed: true)
    let callbacks = try Callbacks(input, in: commons)
    let job = try core { () throws(CoreError) in try pool.submit(input.call, input.input, listed: true) }
    callbacks?.follow(job, of: pool)
    return .now(accepted(job, pool))
  }

  private func accepted(_ job: Job, _ pool: Pool) -> Response {
    job.response(202).with("Location", "/v1/pools/\(pool.name)/jobs/\(job.id ?? 0)")
  }

  private func listingStream(isOrdered: Bool) -> Route.Handler {
    { request throws(Problem) in
      try request.noParameters()
      let pool = try named(request)
      let input = try TaskInput(request, .map, for: pool, in: commons, isStreamed: true)
      let job = try core { () throws(CoreError) in
        try pool.submit(input.call, input.input, .stream(isOrdered: isOrdered), listed: true)
      }
      return .now(accepted(job, pool))
    }
  }

  private func streaming(isOrdered: Bool) -> Route.Handler {
    { request throws(Problem) in try stream(request, isOrdered: isOrdered) }
  }

  /// Answers with the results as they come.
  private func stream(_ request: Request, isOrdered: Bool) throws(Problem) -> Answer {
    try request.noParameters()
    let pool = try named(request)
    let input = try TaskInput(request, .map, for: pool, in: commons, isStreamed: true)
    var isFed = false
    if case .fed = input.input { isFed = true }
    let job = try core { () throws(CoreError) in
      try pool.submit(input.call, input.input, .stream(isOrdered: isOrdered), listed: isFed)
    }
    let response = Response(200, contentType: "application/x-ndjson", .stream(ResultStream(job)))
    return .now(job.id.map { response.with("Procession-Job", String($0)) } ?? response)
  }

  /// Workers of Python and programs run whatever a task names, so that only the operator may name it.
  private func named(_ request: Request) throws(Problem) -> Pool {
    guard let pool = commons.pool(request.parameter(0)) else { throw .notFound("pool") }
    if case .command = pool.settings.worker { return pool }
    guard request.caller == .operator else {
      throw Problem(403, "Forbidden", "a process may hand work to pools of the kind 'command' alone")
    }
    return pool
  }
}

extension Problem {
  static let timeout = Problem(409, "TimeoutError", "there was no result in time")
}
