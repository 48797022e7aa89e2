import HTTP
import JSONCodec
import Linux
import ProcessCore

/// A process's terminal. What is typed is its `stdin`, what it shows is its `output`.
struct TerminalRoutes: Sendable {
  let manager: ProcessManager

  var routes: [Route] {
    [Route(.post, "/v1/processes/{name}/resize", "resizeProcess", body: .document, audited: true, resize)]
  }

  private func resize(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let process = try request.ownProcess(in: manager)
    let fields = try request.fields()
    let size = fields.terminalSize()
    try fields.check()
    guard let size else { throw .missing }
    try core { () throws(CoreError) in try process.resize(size) }
    return .now(process.rendered)
  }
}

extension Fields {
  func terminalSize() -> TerminalSize? {
    let rows = integer("rows", in: 1...Int(UInt16.max), required: true)
    let columns = integer("cols", in: 1...Int(UInt16.max), required: true)
    guard let rows, let columns else { return nil }
    return TerminalSize(rows: UInt16(rows), columns: UInt16(columns))
  }
}

func terminalJSON(_ size: TerminalSize?) -> JSON {
  guard let size else { return JSON.null() }
  let object = JSON.object()
  object.set("rows", Int(size.rows))
  object.set("cols", Int(size.columns))
  return object
}
