import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/pipes`: Python's `Pipe`.
struct PipeRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<Pipe> { commons.pipes }

  var verbs: [Route] {
    let path = "/v1/pipes/{name}/ends/{end}/"
    return [
      Route(.post, path + "send", "sendToPipe", body: .payload, send),
      Route(.post, path + "recv", "receiveFromPipe", receive),
      Route(.post, path + "poll", "pollPipe", poll),
      Route(.post, path + "open", "openPipeEnd", open),
      Route(.post, path + "close", "closePipeEnd", audited: true, close),
    ]
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> Pipe.Settings {
    Pipe.Settings(
      isDuplex: fields.bool("duplex") ?? true,
      capacity: fields.integer("capacity", in: 1...commons.queueLimits.pipeCapacity)
        ?? min(1 << 20, commons.queueLimits.pipeCapacity))
  }

  func write(_ pipe: Pipe, to object: borrowing JSON) {
    object.set("duplex", pipe.settings.isDuplex)
    object.set("capacity", pipe.settings.capacity)
    let ends = JSON.object()
    ends.set("0", pipe.end(0).json())
    ends.set("1", pipe.end(1).json())
    object.set("ends", ends)
  }

  /// An end of a pipe is what one waits for.
  var isSelectable: Bool { true }

  func selectable(_ target: SelectionTarget) -> (any Selectable)? {
    guard let pipe = resources.registry.find(target.name), let end = target.end else { return nil }
    return pipe.end(end)
  }

  private func send(_ request: Request) throws(Problem) -> Answer {
    let end = try named(request)
    let deadline = try request.deadline()
    let session = try request.session(commons)
    var message: Message? = try request.takeMessage(try request.payloadType())
    return try request.wait(atOnce: .noContent) { orPark throws(CoreError) in
      guard let message = message.take() else { preconditionFailure("an attempt is made once") }
      return try end.send(message, for: session, until: deadline, orPark: orPark)
    } _: { isSent throws(Problem) in
      if isSent == nil { throw Problem(CoreError(.timedOut, "the pipe was full")) }
      return .noContent
    }
  }

  private func receive(_ request: Request) throws(Problem) -> Answer {
    let end = try named(request)
    var maxLength = Int.max
    var deadline: Deadline?
    if !request.query.isEmpty {
      var parameters = Parameters(request)
      maxLength = parameters.integer("max_length", in: 0...Int.max) ?? .max
      deadline = parameters.deadline()
      try parameters.finish()
    }
    let session = try request.session(commons)
    return try request.wait { orPark throws(CoreError) in
      try end.receive(maxLength: maxLength, for: session, until: deadline, orPark: orPark)
    } _: { delivery throws(Problem) in
      guard let delivery else { throw Problem(CoreError(.timedOut, "no message came")) }
      return delivery.response()
    }
  }

  private func poll(_ request: Request) throws(Problem) -> Answer {
    let end = try named(request)
    var parameters = Parameters(request)
    let deadline = parameters.pollDeadline()
    try parameters.finish()
    let session = try request.session(commons)
    return try request.wait { orPark throws(CoreError) in
      try end.poll(for: session, until: deadline, orPark: orPark)
    } _: { isReady in
      let object = JSON.object()
      object.set("ready", isReady != nil)
      return .json(object.dump())
    }
  }

  private func open(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let end = try named(request)
    let session = try request.session(commons)
    try core { () throws(CoreError) in try end.open(for: session) }
    return .prepared(.noContent)
  }

  private func close(_ request: Request) throws(Problem) -> Answer {
    let end = try named(request)
    var parameters = Parameters(request)
    let force = parameters.bool("force") ?? false
    try parameters.finish()
    try request.checkForce(force)
    let session = try request.session(commons)
    try core { () throws(CoreError) in try end.close(for: session, force: force) }
    return .prepared(.noContent)
  }

  private func named(_ request: Request) throws(Problem) -> PipeEnd {
    guard let pipe = commons.pipe(request.parameter(0)) else { throw .notFound("pipe") }
    let number = request.parameter(1)
    switch number.count == 1 ? number[0] : 0 {
    case UInt8(ascii: "0"): return pipe.end(0)
    case UInt8(ascii: "1"): return pipe.end(1)
    default: throw .notFound("end: a pipe has ends 0 and 1")
    }
  }
}

extension Parameters {
  /// As Python's `poll(timeout=0.0)`: without parameters it does not wait, and with `block` alone for as long as it takes.
  fileprivate mutating func pollDeadline() -> Deadline? {
    let timeout = seconds("timeout")
    let isToBlock = bool("block")
    if isToBlock == false { return .now }
    return timeout.map { .after(seconds: $0) } ?? (isToBlock == true ? nil : .now)
  }
}

extension PipeEnd {
  fileprivate func json() -> JSON {
    let now = snapshot
    let object = JSON.object()
    object.set("open", now.isOpen)
    object.set("holders", now.holders)
    object.set("messages", now.messages)
    object.set("buffered_bytes", now.bytes)
    let waiting = JSON.object()
    waiting.set("send", now.sending)
    waiting.set("recv", now.receiving)
    waiting.set("poll", now.polling)
    object.set("waiting", waiting)
    return object
  }
}
