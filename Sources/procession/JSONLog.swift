import HTTP
import JSONCodec
import Linux
import Logging

/// One JSON object on one line for each event. What came from outside is a JSON string, in which control bytes are escaped.
struct JSONLog: LogHandler {
  let writer: LogWriter
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let line = JSON.object()
    line.set("at", WallTime.now.rfc3339)
    line.set("level", event.level.rawValue)
    line.set("message", event.message.description)
    for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }
    ) {
      line.set(name: key, value.description)
    }
    writer.append(line.dump())
  }
}

/// What the server tells, as log lines: the audit of every change and of every refused login.
struct Audit: ServerObserver {
  let log: Logger

  func refused(peer: Peer, status: Int, code: String, target: String) {
    log.warning(
      "refused", metadata: ["peer": "\(peer)", "status": "\(status)", "code": "\(code)", "target": "\(target)"])
  }

  func audited(operation: String, caller: Caller, peer: Peer, target: String, status: Int) {
    log.notice(
      "audit",
      metadata: [
        "operation": "\(operation)", "caller": "\(caller.word)", "peer": "\(peer)", "target": "\(target)",
        "status": "\(status)",
      ])
  }

  func note(_ line: String, suppressed: Int) {
    log.warning("server", metadata: ["line": "\(line)", "suppressed": "\(suppressed)"])
  }
}

extension Caller {
  fileprivate var word: String {
    switch self {
    case .nobody: "nobody"
    case .operator: "operator"
    case .bearer(let subject): "process:\(subject)"
    }
  }
}
