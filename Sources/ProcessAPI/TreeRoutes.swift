import Glibc
import HTTP
import JSONCodec
import Linux
import ProcessCore

/// A process with all that came of it: who they are, and the verbs that take all of them.
struct TreeRoutes: Sendable {
  let manager: ProcessManager

  var routes: [Route] {
    [
      Route(.get, "/v1/processes/{name}/tree", "getProcessTree", tree),
      Route(.post, "/v1/processes/{name}/kill", "killProcess", audited: true, kill),
      Route(.post, "/v1/processes/{name}/stop", "stopProcess", body: .optionalDocument, audited: true, stop),
      Route(.post, "/v1/processes/{name}/pause", "pauseProcess", audited: true, pause),
      Route(.post, "/v1/processes/{name}/resume", "resumeProcess", audited: true, resume),
    ]
  }

  private func tree(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.process(in: manager)
    return try request.later { completion throws(CoreError) in
      try process.tree(then: completion)
    } _: { entries in
      let items = JSON.array()
      for entry in entries { items.append(entry.json()) }
      let object = JSON.object()
      object.set("items", items)
      return .json(object.dump())
    }
  }

  private func kill(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return try end(try request.ownProcess(in: manager), SIGKILL, grace: 0, request)
  }

  private func stop(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.ownProcess(in: manager)
    let fields = try request.fields()
    let (number, grace) = fields.stopping()
    try fields.check()
    return try end(process, number, grace: grace, request)
  }

  private func end(
    _ process: Process, _ number: CInt, grace: Double, _ request: Request
  ) throws(Problem) -> Answer {
    try request.later { completion throws(CoreError) in
      try process.stop(signal: number, grace: grace) { completion(.success($0)) }
    } _: { report in
      let object = JSON.object()
      object.set("process", process.json())
      object.set("ended", report.ended.json())
      object.set("killed", report.killed.json())
      object.set("survivors", report.survivors.json())
      return .json(object.dump())
    }
  }

  private func pause(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.ownProcess(in: manager)
    return try request.later { completion throws(CoreError) in
      try process.pause(then: completion)
    } _: { report in
      let object = JSON.object()
      object.set("paused", report.members.json())
      object.set("running", report.running.json())
      return .json(object.dump())
    }
  }

  private func resume(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.ownProcess(in: manager)
    return try request.later { completion throws(CoreError) in
      try process.resume(then: completion)
    } _: { report in
      let object = JSON.object()
      object.set("resumed", report.members.json())
      return .json(object.dump())
    }
  }
}

extension Request {
  /// The process that the path names.
  func process(in manager: ProcessManager) throws(Problem) -> Process {
    guard let process = manager.process(parameter(0)) else { throw .notFound("process") }
    return process
  }

  /// The process, if the caller may act on it: a process that uses its own token may act on itself alone.
  func ownProcess(in manager: ProcessManager) throws(Problem) -> Process {
    let process = try process(in: manager)
    if case .bearer(let subject) = caller, subject != process.name.text {
      throw Problem(403, "Forbidden", "a process may act on itself alone")
    }
    return process
  }
}

extension Fields {
  /// What a `stop` begins with, and the seconds until SIGKILL.
  func stopping() -> (signal: CInt, grace: Double) {
    (signal("signal") ?? SIGTERM, number("grace", in: 0...1e9) ?? 10)
  }
}

extension TreeEntry {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    object.set("pid", Int(member.pid))
    object.set("ppid", Int(member.parent))
    object.set("pgid", Int(member.group))
    object.set("sid", Int(member.session))
    object.set("start_time", Int(member.startTime))
    object.set("command", command)
    object.set("state", member.state.rawValue)
    object.set("cpu_seconds", member.cpuSeconds)
    object.set("rss", residentBytes)
    return object
  }
}
