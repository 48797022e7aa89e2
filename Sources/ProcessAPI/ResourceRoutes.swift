import HTTP
import JSONCodec
import Linux
import ProcessCore

/// The operations of one kind of resource: those that every kind has, which are written here, and its verbs.
protocol ResourceRoutes: Sendable {
  associatedtype Item: Resource

  var commons: Commons { get }
  var resources: Resources<Item> { get }
  /// Reads what a client decides when it makes one.
  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Item.Settings
  /// Adds what is its own to its representation.
  func write(_ item: Item, to object: borrowing JSON)
  var verbs: [Route] { get }
  /// Throws when the caller may not change or delete this one.
  func checkOwn(_ item: Item, _ request: Request) throws(Problem)
  /// Whether `POST /v1/wait` waits for it.
  var isSelectable: Bool { get }
  /// Whether numbers of its settings are a client's data and so may be of any size.
  var hasItems: Bool { get }
  /// Who may make one.
  var creators: Access { get }
  /// Answers who wants one that is there now, and may not be ready yet.
  func answer(
    with item: Item, to request: Request, _ response: @escaping @Sendable () -> Response
  ) throws(Problem) -> Answer
  /// What makes one that takes long, off the loop; nil for one that is made at once.
  func maker(_ name: Name?, _ settings: Item.Settings) -> SharedSpace?
  /// What `POST /v1/wait` means by a name.
  func selectable(_ target: SelectionTarget) -> (any Selectable)?
}

extension ResourceRoutes {
  var kind: Kind { Item.kind }
  var creators: Access { .authenticated }
  var hasItems: Bool { false }

  func answer(
    with item: Item, to request: Request, _ response: @escaping @Sendable () -> Response
  ) throws(Problem) -> Answer {
    .now(response())
  }

  func maker(_ name: Name?, _ settings: Item.Settings) -> SharedSpace? { nil }

  var isSelectable: Bool { Item.self is any Selectable.Type }

  func checkOwn(_ item: Item, _ request: Request) throws(Problem) {}

  func selectable(_ target: SelectionTarget) -> (any Selectable)? {
    resources.registry.find(target.name) as? any Selectable
  }

  var routes: [Route] {
    let path = "/v1/\(kind.plural)"
    let item = path + "/{name}"
    let plural = kind.plural.prefix(1).uppercased() + kind.plural.dropFirst()
    return [
      Route(.get, path, "list\(plural)", list),
      Route(.post, path, "create\(kind.word)", access: creators, body: .optionalDocument, audited: true, create),
      Route(.get, item, "get\(kind.word)", get),
      Route(.put, item, "put\(kind.word)", access: creators, body: .optionalDocument, audited: true, put),
      Route(.delete, item, "delete\(kind.word)", audited: true, delete),
    ] + verbs
  }

  func json(_ item: Item) -> JSON {
    let object = JSON.object()
    object.set("name", item.name.text)
    object.set("labels", labelsJSON(item.identity.labels))
    object.set("created_at", item.identity.createdAt.rfc3339)
    object.set("waiters", item.waiterCount)
    write(item, to: object)
    return object
  }

  private func list(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let page = parameters.page()
    let label = parameters.label()
    try parameters.finish()
    return .now(
      page.response(resources.registry) { item in
        label.map { item.identity.labels.contains($0) } ?? true
      } json: {
        json($0)
      })
  }

  private func create(_ request: Request) throws(Problem) -> Answer {
    let input = try input(request)
    return try make(input.name, input.settings, for: request) { () throws(CoreError) in
      (try resources.create(input.name, labels: input.labels, input.settings, in: commons), true)
    }
  }

  private func put(_ request: Request) throws(Problem) -> Answer {
    let input = try input(request)
    let name = try request.name(0)
    if let named = input.name, named != name { throw .invalid([.init("/name", "must be the name in the path")]) }
    return try make(name, input.settings, for: request) { () throws(CoreError) in
      try resources.createOrSame(name, labels: input.labels, input.settings, in: commons)
    }
  }

  private func make(
    _ name: Name?, _ settings: Item.Settings, for request: Request,
    _ body: @escaping @Sendable () throws(CoreError) -> (item: Item, isNew: Bool)
  ) throws(Problem) -> Answer {
    let response: @Sendable (Item, Bool) -> Response = { item, isNew in
      isNew ? created(item) : .json(json(item).dump())
    }
    guard let maker = maker(name, settings) else {
      let (item, isNew) = try core(body)
      return try answer(with: item, to: request) { response(item, isNew) }
    }
    return try request.later { completion in
      maker.submit { completion(Result(catching: body)) }
    } _: {
      response($0.item, $0.isNew)
    }
  }

  private func created(_ item: Item) -> Response {
    .json(json(item).dump(), status: 201).with("Location", "/v1/\(kind.plural)/\(item.name)")
  }

  private func input(
    _ request: Request
  ) throws(Problem) -> (name: Name?, labels: [ProcessSpec.Label], settings: Item.Settings) {
    try request.noParameters()
    let fields = try request.fields(wide: hasItems)
    let name = fields.resourceName("name")
    let labels = fields.labels() ?? []
    let settings = try settings(fields, request)
    try fields.check()
    return (name, labels, settings)
  }

  private func get(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return .now(.json(json(try find(request)).dump()))
  }

  private func delete(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let item = try find(request)
    try checkOwn(item, request)
    try core { () throws(CoreError) in try resources.delete(item) }
    return .prepared(.noContent)
  }

  /// For operations that are called rarely; the others find theirs by what `ProcessManager` has for it.
  func find(_ request: Request) throws(Problem) -> Item {
    guard let item = resources.registry.find(request.parameter(0)) else { throw .notFound(kind.singular) }
    return item
  }
}

/// What the state, the metrics and the list of waiters tell of one kind.
extension ResourceRoutes {
  var count: Int { resources.registry.count }

  func all() -> JSON {
    let array = JSON.array()
    for item in resources.registry.all { array.append(json(item)) }
    return array
  }
}
