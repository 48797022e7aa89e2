import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/classes`: templates that processes are made from, as one inherits from `multiprocessing.Process`.
struct ClassRoutes: Sendable {
  let manager: ProcessManager

  var routes: [Route] {
    [
      Route(.get, "/v1/classes", "listClasses", list),
      Route(.post, "/v1/classes", "createClass", access: .operatorOnly, body: .document, audited: true, create),
      Route(.get, "/v1/classes/{name}", "getClass", get),
      Route(.put, "/v1/classes/{name}", "putClass", access: .operatorOnly, body: .document, audited: true, put),
      Route(.delete, "/v1/classes/{name}", "deleteClass", access: .operatorOnly, audited: true, delete),
    ]
  }

  private func list(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let page = parameters.page()
    let label = parameters.label()
    try parameters.finish()
    return .now(
      page.response(manager.classes) { made in
        label.map { made.template.labels?.contains($0) == true } ?? true
      } json: {
        $0.json()
      })
  }

  private func create(_ request: Request) throws(Problem) -> Answer {
    let input = try self.input(request)
    return .now(try make(input.name, input.template))
  }

  private func put(_ request: Request) throws(Problem) -> Answer {
    let input = try self.input(request)
    let name = try request.name(0)
    if let named = input.name, named != name { throw .invalid([.init("/name", "must be the name in the path")]) }
    guard let same = manager.classes.find(name.text) else { return .now(try make(name, input.template)) }
    guard same.template == input.template else {
      throw Problem(409, "AlreadyExists", "the class is there with other settings")
    }
    return .now(.json(same.json().dump()))
  }

  private func input(_ request: Request) throws(Problem) -> ProcessInput {
    try request.noParameters()
    let fields = try request.fields()
    let input = ProcessInput(fields, parent: "extends")
    try fields.check()
    return input
  }

  private func make(_ name: Name?, _ template: ProcessTemplate) throws(Problem) -> Response {
    let made = try core { () throws(CoreError) in try manager.createClass(name, template) }
    return .json(made.json().dump(), status: 201).with("Location", "/v1/classes/\(made.name)")
  }

  private func get(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return .now(.json(try find(request).json().dump()))
  }

  private func delete(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let made = try find(request)
    try core { () throws(CoreError) in try manager.deleteClass(made) }
    return .prepared(.noContent)
  }

  private func find(_ request: Request) throws(Problem) -> ProcessClass {
    guard let made = manager.classes.find(request.parameter(0)) else { throw .notFound("class") }
    return made
  }
}

extension ProcessClass {
  func json() -> JSON {
    let object = JSON.object()
    object.set("name", name.text)
    object.set("extends", template.parent?.text)
    object.set("created_at", createdAt.rfc3339)
    template.write(to: object)
    return object
  }
}
