import Glibc
import HTTP
import JSONCodec
import Linux
public import ProcessCore

/// `/v1/signals`: the machine's signals, to many processes at once, and what reaches the service itself; Python's `signal`.
struct SignalRoutes: Sendable {
  let manager: ProcessManager

  var routes: [Route] {
    [
      Route(.get, "/v1/signals", "listSignals", list),
      Route(.post, "/v1/signals/send", "sendSignal", access: .operatorOnly, body: .document, audited: true, send),
      Route(.get, "/v1/signals/handlers", "listSignalHandlers", handlers),
      Route(.get, "/v1/signals/handlers/{signal}", "getSignalHandler", handler),
      Route(
        .put, "/v1/signals/handlers/{signal}", "putSignalHandler", access: .operatorOnly, body: .document,
        audited: true,
        setHandler),
      Route(.post, "/v1/signals/alarm", "setAlarm", access: .operatorOnly, body: .document, audited: true, alarm),
      Route(.post, "/v1/signals/pause", "pause", pause),
    ]
  }

  private func list(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let items = JSON.array()
    for signal in SignalTable.all { items.append(signal.json()) }
    let object = JSON.object()
    object.set("items", items)
    return .now(.json(object.dump()))
  }

  private func send(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let fields = try request.fields()
    let number = fields.signal("signal", required: true)
    let target = fields.choice("to", of: SignalTarget.self) ?? .process
    let value = fields.integer("value", in: Int(CInt.min)...Int(CInt.max)).map { CInt($0) }
    if value != nil, target != .process { fields.fail("value", "goes to a process alone") }
    if let foreign = fields.foreignTarget(target) {
      try fields.check()
      guard let number else { throw .missing }
      return .now(try send(number, foreign, value: value))
    }
    let selector = fields.selector(required: true)
    try fields.check()
    guard let number, let selector else { throw .missing }
    return try request.later { completion throws(CoreError) in
      manager.signal(number, to: selector, target: target, value: value) { completion(.success($0)) }
    } _: { deliveries in
      let results = JSON.array()
      for delivery in deliveries { results.append(delivery.json()) }
      return report(number, results)
    }
  }

  private func handlers(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let items = JSON.array()
    for signal in SignalHandlers.handled { items.append(handlerJSON(signal)) }
    let object = JSON.object()
    object.set("items", items)
    return .now(.json(object.dump()))
  }

  private func handler(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return .now(.json(handlerJSON(try named(request)).dump()))
  }

  private func setHandler(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let signal = try named(request)
    let fields = try request.fields()
    let action = fields.signalAction()
    if case .queue(let name) = action, manager.commons.queues.registry.find(name.text) == nil {
      fields.fail("queue", "there is no queue '\(name)'")
    }
    try fields.check()
    guard let action else { throw .missing }
    try core { () throws(CoreError) in try manager.signals.set(action, for: signal.number) }
    return .now(.json(handlerJSON(signal).dump()))
  }

  private func alarm(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let fields = try request.fields()
    let seconds = fields.number("seconds", in: 0...1e9, required: true) ?? 0
    try fields.check()
    let object = JSON.object()
    object.set("previous", manager.signals.alarm(after: seconds))
    return .now(.json(object.dump()))
  }

  private func pause(_ request: Request) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let deadline = parameters.deadline()
    try parameters.finish()
    let session = try request.session(manager.commons)
    return try request.wait { orPark throws(CoreError) in
      try manager.signals.pause(until: deadline, for: session, orPark: orPark)
    } _: { received in
      let object = JSON.object()
      if let received { object.set("signal", received.json()) } else { object.set("signal", JSON.null()) }
      return .json(object.dump())
    }
  }

  private func named(_ request: Request) throws(Problem) -> Signal {
    let text = String(decoding: request.parameter(0), as: UTF8.self)
    guard let signal = SignalTable.find(text) else { throw .notFound("signal") }
    guard SignalHandlers.handled.contains(signal) else {
      throw .invalid([.init("/signal", "\(signal.name) cannot be handled")])
    }
    return signal
  }

  private func handlerJSON(_ signal: Signal) -> JSON {
    let action = manager.signals.action(for: signal.number)
    let object = JSON.object()
    object.set("signal", signal.name)
    object.set("number", Int(signal.number))
    object.set("action", action.word)
    switch action {
    case .default, .ignore, .drain: break
    case .queue(let name): object.set("queue", name.text)
    case .stop(let selector): selector.write(to: object)
    case .forward(let selector, let other, let target):
      selector.write(to: object)
      object.set("as", other.map { signalName($0) })
      object.set("to", target.rawValue)
    }
    return object
  }
}

extension Signal {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    object.set("number", Int(number))
    object.set("name", name)
    object.set("action", action.rawValue)
    object.set("meaning", meaning)
    object.set("catchable", isCatchable)
    return object
  }
}

extension SignalDelivery {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    object.set("process", name.text)
    object.set("sent", error == nil)
    let problem = error.map { Problem($0) }
    object.set("code", problem?.code)
    object.set("detail", problem?.detail)
    object.set("pid", JSON.null())
    return object
  }
}

extension ReceivedSignal {
  /// What a queue is given.
  public var message: Message { Message(json().dump(), .json) }

  fileprivate func json() -> JSON {
    let object = JSON.object()
    object.set("name", signalName(number))
    object.set("number", Int(number))
    object.set("pid", Int(pid))
    object.set("uid", Int(uid))
    object.set("at", at.rfc3339)
    return object
  }
}

extension ProcessSelector {
  fileprivate func write(to object: borrowing JSON) {
    switch self {
    case .names(let names): object.set("processes", names.map(\.text))
    case .label(let label): object.set("label", "\(label.name)=\(label.value)")
    case .all: object.set("all", true)
    }
  }
}

extension Fields {
  /// `processes`, `label` or `all`: one of them.
  func selector(required: Bool) -> ProcessSelector? {
    rejectNull("processes", "label", "all")
    let names = names("processes")
    let label = label("label")
    let all = bool("all") ?? false
    let given = [kind("processes") != .absent, kind("label") != .absent, all].count { $0 }
    if given != 1 {
      if given > 1 || required { fail("processes", "one of processes, label and all must be given") }
      return nil
    }
    return all ? .all : names.map { .names($0) } ?? label.map { .label($0) }
  }

  private func names(_ field: String) -> [Name]? {
    guard let texts = strings(field) else { return nil }
    for (index, text) in texts.enumerated() where Name(text) == nil {
      fail(field, "\(index)", "must be \(Name.rule)")
    }
    return texts.compactMap { Name($0) }
  }

  /// `NAME=VALUE`.
  private func label(_ field: String) -> ProcessSpec.Label? {
    guard let text = string(field) else { return nil }
    guard let separator = text.firstIndex(of: "=") else {
      fail(field, "must be NAME=VALUE")
      return nil
    }
    return ProcessSpec.Label(String(text[..<separator]), String(text[text.index(after: separator)...]))
  }

  fileprivate func signalAction() -> SignalAction? {
    enum Word: String, CaseIterable { case `default`, ignore, queue, drain, stop, forward }
    guard let word = choice("action", of: Word.self, required: true) else { return nil }
    let isForProcesses = word == .stop || word == .forward
    let selector = selector(required: isForProcesses)
    if selector != nil, !isForProcesses { fail("action", "is about no processes") }
    let other = word == .forward ? signal("as") : nil
    let queue = word == .queue ? requiredName("queue") : nil
    let target = word == .forward ? choice("to", of: SignalTarget.self) ?? .process : .process
    switch word {
    case .default: return .default
    case .ignore: return .ignore
    case .queue: return queue.map { .queue($0) }
    case .drain: return .drain
    case .stop: return selector.map { .stop($0) }
    case .forward: return selector.map { .forward($0, as: other, to: target) }
    }
  }
}
