import Glibc
import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/processes`: Python's `Process`, `current_process` and `active_children`.
struct ProcessRoutes: Sendable {
  let manager: ProcessManager
  let daemon: DaemonInfo

  var routes: [Route] {
    [
      Route(.get, "/v1/processes", "listProcesses", list),
      Route(.post, "/v1/processes", "createProcess", access: .operatorOnly, body: .document, audited: true, create),
      Route(.get, "/v1/processes/current", "getCurrentProcess", current),
      Route(.get, "/v1/processes/{name}", "getProcess", get),
      Route(.put, "/v1/processes/{name}", "putProcess", access: .operatorOnly, body: .document, audited: true, put),
      Route(.delete, "/v1/processes/{name}", "deleteProcess", access: .operatorOnly, audited: true, delete),
      Route(.post, "/v1/processes/{name}/start", "startProcess", access: .operatorOnly, audited: true, start),
      Route(.post, "/v1/processes/{name}/join", "joinProcess", join),
      Route(.post, "/v1/processes/{name}/signal", "signalProcess", body: .document, audited: true, signal),
      Route(.post, "/v1/processes/{name}/terminate", "terminateProcess", audited: true, terminate),
      Route(.post, "/v1/processes/{name}/alarm", "setProcessAlarm", body: .document, audited: true, alarm),
      Route(.post, "/v1/processes/{name}/stdin", "writeProcessStdin", body: .payload, audited: true, stdin),
    ]
  }

  private func list(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let page = parameters.page()
    let state = parameters.choice("state", ProcessState.self)
    let label = parameters.label()
    try parameters.finish()
    return .now(
      page.response(manager.processes) { process in
        guard state == nil || process.snapshot.state == state else { return false }
        return label.map { process.spec.labels.contains($0) } ?? true
      } json: {
        $0.json()
      })
  }

  private func create(_ request: Request) throws(Problem) -> Answer {
    let (input, isToStart) = try self.input(request)
    return try make(input.name, input.template, isToStart, request)
  }

  /// Create-or-same: several programs may want the same process at once.
  private func put(_ request: Request) throws(Problem) -> Answer {
    let (input, isToStart) = try self.input(request)
    let name = try request.name(0)
    if let named = input.name, named != name { throw .invalid([.init("/name", "must be the name in the path")]) }
    if let answer = try same(name, input.template, request) { return answer }
    do throws(Problem) { return try make(name, input.template, isToStart, request) } catch {
      // Somebody else may have been quicker by a moment.
      if error.code == "AlreadyExists", let answer = try same(name, input.template, request) { return answer }
      throw error
    }
  }

  /// The process that has the name, or is about to have it: one that is being started is waited for. nil: there is none.
  private func same(_ name: Name, _ template: ProcessTemplate, _ request: Request) throws(Problem) -> Answer? {
    let there = manager.processes.find(name.text)
    guard let process = there ?? manager.processes.claimant(name) else { return nil }
    let spec = try core { () throws(CoreError) in try manager.resolve(template) }
    guard process.spec == spec else { throw Problem(409, "AlreadyExists", "the process is there with other settings") }
    if there != nil { return .now(process.rendered) }
    return try request.wait { orPark throws(CoreError) in
      try process.waitUntilMade(orPark: orPark)
    } _: { _ in
      process.rendered
    }
  }

  private func input(_ request: Request) throws(Problem) -> (ProcessInput, isToStart: Bool) {
    try request.noParameters()
    let fields = try request.fields()
    let input = ProcessInput(fields, parent: "class")
    let isToStart = fields.bool("start") ?? true
    try fields.check()
    return (input, isToStart)
  }

  private func make(
    _ name: Name?, _ template: ProcessTemplate, _ isToStart: Bool, _ request: Request
  ) throws(Problem) -> Answer {
    guard isToStart else {
      return .now(created(try core { () throws(CoreError) in try manager.create(name, template) }))
    }
    return try request.later { completion throws(CoreError) in
      try manager.run(name, template, then: completion)
    } _: {
      created($0)
    }
  }

  private func created(_ process: Process) -> Response {
    var response = process.rendered.with("Location", "/v1/processes/\(process.name)")
    response.status = 201
    return response
  }

  private func current(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    guard case .bearer(let subject) = request.caller else { return .now(.json(daemon.currentProcess().dump())) }
    if let process = manager.processes.find(subject) { return .now(.json(process.currentProcess().dump())) }
    // A process may ask before whoever started it has seen that it runs.
    guard let process = Name(subject).flatMap({ manager.processes.claimant($0) }) else { throw .notFound("process") }
    return try request.wait { orPark throws(CoreError) in
      try process.waitUntilMade(orPark: orPark)
    } _: { _ in
      .json(process.currentProcess().dump())
    }
  }

  private func get(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return .now(try request.process(in: manager).rendered)
  }

  private func delete(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.process(in: manager)
    try core { () throws(CoreError) in try manager.delete(process) }
    return .prepared(.noContent)
  }

  private func start(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.process(in: manager)
    return try request.later { completion throws(CoreError) in
      try process.start(then: completion)
    } _: { _ in
      process.rendered
    }
  }

  private func join(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    try parameters.finish()
    let process = try request.process(in: manager)
    return try request.wait { orPark throws(CoreError) in
      try process.join(until: deadline, orPark: orPark)
    } _: { _ in
      process.rendered
    }
  }

  private func signal(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.ownProcess(in: manager)
    let fields = try request.fields()
    let number = fields.signal("signal", required: true)
    let target = fields.choice("to", of: SignalTarget.self) ?? .process
    try fields.check()
    guard let number else { throw .missing }
    if target == .tree {
      return try request.later { completion throws(CoreError) in
        try process.signalTree(number) { completion(.success(())) }
      } _: {
        process.rendered
      }
    }
    try core { () throws(CoreError) in try process.signal(number, toGroup: target == .group) }
    return .now(process.rendered)
  }

  private func terminate(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.ownProcess(in: manager)
    try core { () throws(CoreError) in try process.terminate() }
    return .now(process.rendered)
  }

  private func alarm(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.ownProcess(in: manager)
    let fields = try request.fields()
    let seconds = fields.number("seconds", in: 0...1e9, required: true) ?? 0
    try fields.check()
    let left = try core { () throws(CoreError) in try process.alarm(after: seconds) }
    let object = JSON.object()
    object.set("previous", left)
    return .now(.json(object.dump()))
  }

  private func stdin(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    let isToClose = parameters.bool("close") ?? false
    try parameters.finish()
    let process = try request.ownProcess(in: manager)
    let progress = InputProgress(request.body)
    return try request.wait { orPark throws(CoreError) in
      try process.writeInput(progress, thenClose: isToClose, until: deadline, orPark: orPark)
    } _: { written in
      let object = JSON.object()
      object.set("written", written ?? progress.written)
      object.set("complete", written != nil)
      return .json(object.dump())
    }
  }
}

extension Process {
  fileprivate func currentProcess() -> JSON {
    let now = snapshot
    let object = JSON.object()
    object.set("name", name.text)
    object.set("pid", now.pid.map { Int($0) })
    object.set("daemon", spec.isDaemon)
    object.set("is_main", false)
    object.set("started_at", now.startedAt?.rfc3339)
    return object
  }
}
