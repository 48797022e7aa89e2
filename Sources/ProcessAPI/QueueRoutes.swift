import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/queues`: Python's `Queue` and `JoinableQueue`.
struct QueueRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<Queue> { commons.queues }

  var verbs: [Route] {
    let path = "/v1/queues/{name}/"
    return [
      Route(.post, path + "put", "putMessage", body: .payload, put),
      Route(.post, path + "get", "getMessage", get),
      Route(.post, path + "peek", "peekMessage", peek),
      Route(.post, path + "reserve", "reserveMessage", body: .optionalDocument, reserve),
      Route(.post, path + "ack", "ackMessage", body: .document, acknowledge),
      Route(.post, path + "nack", "nackMessage", body: .document, giveBack),
      Route(.post, path + "touch", "touchMessage", body: .document, touch),
      Route(.post, path + "task_done", "taskDone", body: .optionalDocument, taskDone),
      Route(.post, path + "join", "joinQueue", join),
      Route(.post, path + "close", "closeQueue", audited: true, close),
      Route(.post, path + "purge", "purgeQueue", audited: true, purge),
    ]
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Queue.Settings {
    Queue.Settings(
      // As in Python no bound is what is not above 0.
      maxsize: max(0, fields.integer("maxsize", in: Int(Int32.min)...Int(Int32.max)) ?? 0),
      isJoinable: fields.bool("joinable") ?? false, lease: fields.lease() ?? 60,
      maxBytes: fields.integer("max_bytes", in: 1...Int.max))
  }

  func write(_ queue: Queue, to object: borrowing JSON) {
    let now = queue.snapshot
    let settings = queue.settings
    object.set("qsize", now.count)
    object.set("empty", now.count == 0)
    object.set("full", settings.maxsize > 0 && now.count >= settings.maxsize)
    object.set("maxsize", settings.maxsize)
    object.set("joinable", settings.isJoinable)
    object.set("lease", settings.lease)
    object.set("reserved", now.reserved)
    object.set("delayed", now.delayed)
    object.set("unfinished", now.unfinished)
    object.set("closed", now.isClosed)
    object.set("bytes", now.bytes)
    object.set("max_bytes", queue.maxBytes)
  }

  private func put(_ request: Request) throws(Problem) -> Answer {
    let queue = try named(request)
    let deadline = try request.deadline()
    let session = try request.session(commons)
    let type = try request.payloadType()
    if type.form == .jsonLines {
      let messages = try request.takeLines()
      return try request.wait(atOnce: .noContent) { orPark throws(CoreError) in
        try queue.put(all: messages, for: session, until: deadline, orPark: orPark)
      } _: { isPut throws(Problem) in
        try Self.putAnswer(isPut)
      }
    }
    var message: Message? = try request.takeMessage(type)
    return try request.wait(atOnce: .noContent) { orPark throws(CoreError) in
      guard let message = message.take() else { preconditionFailure("an attempt is made once") }
      return try queue.put(consume message, for: session, until: deadline, orPark: orPark)
    } _: { isPut throws(Problem) in
      try Self.putAnswer(isPut)
    }
  }

  private static func putAnswer(_ isPut: Void?) throws(Problem) -> Response {
    if isPut == nil { throw Problem(CoreError(.full, "the queue was full")) }
    return .noContent
  }

  private func get(_ request: Request) throws(Problem) -> Answer {
    let queue = try named(request)
    let (limit, deadline) = try Self.limits(request)
    let session = try request.session(commons)
    return try request.wait { orPark throws(CoreError) in
      if let limit { return try queue.get(upTo: limit, for: session, until: deadline, orPark: orPark) }
      return try queue.get(for: session, until: deadline, orPark: orPark)
    } _: { delivery throws(Problem) in
      guard let delivery else { throw Problem(.stayedEmpty) }
      return delivery.response()
    }
  }

  private static func limits(_ request: Request) throws(Problem) -> (Int?, Deadline?) {
    if !request.hasQuery { return (nil, nil) }
    var parameters = Parameters(request)
    let limit = parameters.integer("max", in: 1...10_000)
    let deadline = parameters.deadline()
    try parameters.finish()
    return (limit, deadline)
  }

  private func peek(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let queue = try named(request)
    _ = try request.session(commons)
    return .now(try core { () throws(CoreError) in try queue.peek() }.response())
  }

  private func taskDone(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let queue = try named(request)
    var count: Int?
    if request.body.count > 0 {
      let fields = try request.fields()
      count = fields.integer("n", in: 1...Int(Int32.max))
      try fields.check()
    }
    _ = try request.session(commons)
    try core { () throws(CoreError) in try queue.taskDone(count ?? 1) }
    return .prepared(.noContent)
  }

  private func join(_ request: Request) throws(Problem) -> Answer {
    let queue = try named(request)
    let deadline = try request.deadline()
    let session = try request.session(commons)
    return try request.wait { orPark throws(CoreError) in
      try queue.join(for: session, until: deadline, orPark: orPark)
    } _: { isDone in
      let object = JSON.object()
      object.set("unfinished", isDone == nil ? queue.snapshot.unfinished ?? 0 : 0)
      return .json(object.dump())
    }
  }

  private func close(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let queue = try named(request)
    _ = try request.session(commons)
    queue.close()
    return .prepared(.noContent)
  }

  private func purge(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let queue = try named(request)
    _ = try request.session(commons)
    let object = JSON.object()
    object.set("purged", queue.purge())
    return .now(.json(object.dump()))
  }

  func named(_ request: Request) throws(Problem) -> Queue {
    guard let queue = commons.queue(request.parameter(0)) else { throw .notFound("queue") }
    return queue
  }
}

extension CoreError {
  static let stayedEmpty = CoreError(.empty, "the queue was empty")
}
