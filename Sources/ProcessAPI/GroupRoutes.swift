import Glibc
import HTTP
import JSONCodec
import Linux
import ProcessCore

/// Verbs of `/v1/processes` for several processes at once: those that are named, that have a label, or all.
struct GroupRoutes: Sendable {
  let manager: ProcessManager

  var routes: [Route] {
    [
      Route(
        .post, "/v1/processes/start", "startProcesses", access: .operatorOnly, body: .document, audited: true, start),
      Route(.post, "/v1/processes/join", "joinProcesses", body: .document, join),
      Route(
        .post, "/v1/processes/terminate", "terminateProcesses", access: .operatorOnly, body: .document, audited: true,
        terminate),
      Route(.post, "/v1/processes/kill", "killProcesses", access: .operatorOnly, body: .document, audited: true, kill),
      Route(.post, "/v1/processes/stop", "stopProcesses", access: .operatorOnly, body: .document, audited: true, stop),
    ]
  }

  private func start(_ request: Request) throws(Problem) -> Answer {
    let selector = try selectorAlone(request)
    return try request.later { completion throws(CoreError) in
      manager.start(selector) { completion(.success($0)) }
    } _: {
      response($0)
    }
  }

  private func join(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    try parameters.finish()
    let results = manager.joinable(try selector(try request.fields()))
    let selection = Selection(results.filter { $0.error == nil }.compactMap(\.process), all: true, for: nil)
    return try request.wait { orPark throws(CoreError) in
      try selection.wait(until: deadline, orPark: orPark)
    } _: { _ in
      response(results) { $0.process?.snapshot.hasEnded == true }
    }
  }

  private func terminate(_ request: Request) throws(Problem) -> Answer {
    .now(response(manager.terminate(try selectorAlone(request))))
  }

  private func kill(_ request: Request) throws(Problem) -> Answer {
    .now(response(manager.kill(try selectorAlone(request))))
  }

  private func stop(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let fields = try request.fields()
    let (number, grace) = fields.stopping()
    let selector = try selector(fields)
    return try request.later { completion throws(CoreError) in
      manager.stop(selector, signal: number, grace: grace) { completion(.success($0)) }
    } _: {
      response($0)
    }
  }

  private func selectorAlone(_ request: Request) throws(Problem) -> ProcessSelector {
    try request.noParameters()
    return try selector(try request.fields())
  }

  private func selector(_ fields: Fields) throws(Problem) -> ProcessSelector {
    let selector = fields.selector(required: true)
    try fields.check()
    guard let selector else { throw .missing }
    return selector
  }
}

/// `isDone` is asked of those that nothing is said against.
private func response(_ results: [GroupResult], where isDone: (GroupResult) -> Bool = { _ in true }) -> Response {
  let array = JSON.array()
  for result in results { array.append(result.json(isDone: result.error == nil && isDone(result))) }
  let object = JSON.object()
  object.set("results", array)
  return .json(object.dump())
}

extension GroupResult {
  fileprivate func json(isDone: Bool) -> JSON {
    let now = process?.snapshot
    let problem = error.map { Problem($0) }
    let object = JSON.object()
    object.set("process", name.text)
    object.set("done", isDone && report?.survivors.isEmpty != false)
    object.set("code", problem?.code)
    object.set("detail", problem?.detail)
    object.set("state", now?.state.rawValue)
    object.set("is_alive", now?.isAlive ?? false)
    object.set("exitcode", now?.exit?.status.exitcode.map { Int($0) })
    object.set("killed", (report?.killed ?? []).json())
    object.set("survivors", (report?.survivors ?? []).json())
    return object
  }
}

extension [CInt] {
  /// Pids.
  func json() -> JSON {
    let array = JSON.array()
    for pid in self { array.append(Int(pid)) }
    return array
  }
}
