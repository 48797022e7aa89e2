import HTTP
import JSONCodec
import Linux
import ProcessCore

extension Pool {
  func write(to object: borrowing JSON) {
    let now = snapshot
    object.set("state", now.state.rawValue)
    object.set("processes", now.processes)
    object.set("worker", settings.worker.json())
    object.set("initializer", settings.initializer)
    object.set("maxtasksperchild", settings.maxTasksPerChild)
    object.set("window", settings.window)
    object.set("env", settings.environment.map(\.name))
    object.set("limits", limitsJSON(settings.limits))
    object.set("queued", now.queued)
    object.set("done", now.done)
    object.set("lost", now.lost)
    object.set("jobs", now.jobs)
    let workers = JSON.array()
    for worker in self.workers { workers.append(worker.json()) }
    object.set("workers", workers)
    object.set("error", now.error?.detail)
  }
}

extension Pool.Worker {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    let inner = JSON.object()
    switch self {
    case .python(let executable, let path, let source):
      inner.set("executable", executable ?? "python3")
      inner.set("path", path)
      inner.set("source", source)
      object.set("python", inner)
    case .exec: object.set("exec", inner)
    case .command(let command): object.set("command", command)
    }
    return object
  }
}

extension WorkerSnapshot {
  func json() -> JSON {
    let object = JSON.object()
    object.set("name", name.text)
    object.set("pid", pid.map { Int($0) })
    object.set("state", state.rawValue)
    object.set("tasks", tasks)
    object.set("job", job)
    object.set("seconds", seconds)
    return object
  }
}

extension Job {
  func json() -> JSON {
    let now = progress
    let object = JSON.object()
    object.set("id", id)
    object.set("op", call.operation.rawValue)
    object.set("func", call.function)
    object.set("submitted_at", submittedAt.rfc3339)
    object.set("ready", now.isOver)
    object.set("successful", now.isSuccessful)
    object.set("progress", now.json())
    return object
  }

  func response(_ status: Int = 200) -> Response { .json(json().dump(), status: status) }
}

extension JobProgress {
  func json() -> JSON {
    let object = JSON.object()
    object.set("done", done)
    object.set("failed", failed)
    object.set("total", total)
    object.set("rate", rate)
    object.set("eta", eta)
    return object
  }
}

extension JobResult {
  /// `{"value": …}`, put together from what the workers wrote.
  func document(collects: Bool) -> Bytes {
    switch self {
    case .value(let value): return value.asValue
    case .values(let list, let failures):
      return list.joined(prefix: #"{"value":"#, suffix: collects ? errors(failures) : [UInt8(ascii: "}")])
    case .stored(let name, let failures):
      var text = TextBuffer(capacity: 64)
      text.append(#"{"value":[],"result":{"array":""#)
      text.append(name.text)
      text.append("\"}")
      text.append(collects ? String(decoding: errors(failures), as: UTF8.self) : "}")
      return text.finish()
    }
  }

  /// The end of a document that tells which items failed.
  private func errors(_ failures: [ItemFailure]) -> [UInt8] {
    var text = TextBuffer(capacity: 64)
    text.append(#","errors":["#)
    for (position, failure) in failures.enumerated() {
      if position > 0 { text.append(",") }
      text.append(#"{"index":"#)
      text.append(failure.items.lowerBound)
      if failure.items.count > 1 {
        text.append(#","count":"#)
        text.append(failure.items.count)
      }
      text.append(#","error":"#)
      text.append(failure.error.json)
      text.append("}")
    }
    text.append("]}")
    return text.bytes
  }
}

extension ByteSlice {
  /// `{"value": …}` around this value: mostly it is the worker's own line, which needs no copy.
  fileprivate var asValue: Bytes {
    let before = #"{"value":"#.utf8
    if range.lowerBound == before.count, bytes.buffer[..<before.count].elementsEqual(before),
      bytes.count - range.upperBound <= 2, bytes.count > range.upperBound,
      bytes.buffer[range.upperBound] == UInt8(ascii: "}")
    {
      return bytes
    }
    var text = TextBuffer(capacity: count + 12)
    text.append(#"{"value":"#)
    text.append(buffer)
    text.append("}")
    return text.finish()
  }
}

extension CoreError {
  /// What a task failed of, as workers tell it: {type, message, traceback, args}.
  var json: String {
    let object = JSON.object()
    switch kind {
    case .taskError(let json): return json
    case .workerLost(let exitcode, let signal, let isBreach):
      object.set("type", "WorkerLostError")
      object.set("exitcode", exitcode.map { Int($0) })
      object.set("signal", signal.map { signalName($0) })
      object.set("reason", isBreach ? "protocol" : signal == nil ? "exited" : "signalled")
    case .taskTimeout(let partial):
      object.set("type", "TimeoutError")
      if let partial { return spliced(object, partial) }
    case .cancelled: object.set("type", "Cancelled")
    case .resultTooLarge: object.set("type", "ResultTooLarge")
    case .poolBroken: object.set("type", "PoolBroken")
    default: object.set("type", Problem(self).code)
    }
    return spliced(object, nil)
  }

  /// `partial` is the line {"value": …} of a program that was ended.
  private func spliced(_ object: borrowing JSON, _ partial: String?) -> String {
    object.set("message", detail)
    object.set("traceback", "")
    object.set("args", JSON.null())
    let text = object.dump().text
    guard let partial else { return text }
    return "\(text.dropLast()),\"partial\":\(partial.dropFirst(#"{"value":"#.count))"
  }

  /// `ValueError: math domain error`, of what a worker has told.
  static func summary(of json: String) -> String? {
    let text = Bytes(json)
    return withExtendedLifetime(text) {
      guard let fields = try? Fields(text.buffer, limit: .max) else { return nil }
      guard let type = fields.string("type", nul: true), let message = fields.string("message", nul: true) else {
        return nil
      }
      return message.isEmpty ? type : "\(type): \(message)"
    }
  }
}
