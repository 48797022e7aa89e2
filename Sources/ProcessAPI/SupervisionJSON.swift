import HTTP
import JSONCodec
import Linux
import ProcessCore

extension Process {
  /// What supervision makes of it now.
  func writeSupervision(_ now: ProcessSnapshot, to object: borrowing JSON) {
    object.set("is_ready", now.isReady)
    object.set("waiting_for", waitingFor.map(\.text))
    object.set("starts", now.starts)
    object.set("restarts", max(now.starts - 1, 0))
    object.set("next_start_at", now.nextStartAt?.rfc3339)
  }
}

extension ProcessSpec {
  func writeSupervision(to object: borrowing JSON) {
    object.set("restart", restart?.json() ?? JSON.null())
    object.set("ready", readiness?.json() ?? JSON.null())
    object.set("depends_on", dependencies.json())
  }
}

extension ProcessTemplate {
  func writeSupervision(to object: borrowing JSON) {
    object.set("restart", restart?.json() ?? JSON.null())
    object.set("ready", readiness?.json() ?? JSON.null())
    object.set("depends_on", dependencies?.json() ?? JSON.null())
  }
}

extension ProcessSpec.Restart {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    object.set("policy", policy.rawValue)
    object.set("max_retries", maxRetries)
    object.set("window", window)
    let delays = JSON.object()
    delays.set("initial", backoff.initial)
    delays.set("factor", backoff.factor)
    delays.set("max", backoff.max)
    delays.set("jitter", backoff.jitter)
    object.set("backoff", delays)
    object.set("settle", settle)
    let codes = JSON.array()
    for code in successExitCodes.sorted() { codes.append(Int(code)) }
    object.set("success_exit_codes", codes)
    object.set("essential", isEssential)
    return object
  }
}

extension ProcessSpec.Readiness {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    switch sign {
    case .descriptor(let number): object.set("fd", Int(number))
    case .port(let port):
      object.set("tcp", Int(port))
      object.set("interval", interval)
    case .line(let pattern): object.set("output", pattern.text)
    case .command(let command):
      object.set("command", command)
      object.set("interval", interval)
    }
    return object
  }
}

extension [ProcessSpec.Dependency] {
  fileprivate func json() -> JSON {
    let array = JSON.array()
    for dependency in self {
      let object = JSON.object()
      object.set("process", dependency.process.text)
      object.set("condition", dependency.condition.rawValue)
      array.append(object)
    }
    return array
  }
}
