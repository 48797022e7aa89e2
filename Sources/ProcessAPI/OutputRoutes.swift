import HTTP
import JSONCodec
import Linux
import ProcessCore

/// What a process writes: from any offset, now or as it comes, as bytes or as Server-Sent Events.
struct OutputRoutes: Sendable {
  let manager: ProcessManager

  var routes: [Route] { [Route(.get, "/v1/processes/{name}/output", "readProcessOutput", read)] }

  private enum Stream: String, CaseIterable {
    case stdout, stderr, both

    var selection: OutputSelection {
      switch self {
      case .stdout: .stdout
      case .stderr: .stderr
      case .both: .both
      }
    }
  }

  private func read(_ request: Request) throws(Problem) -> Answer {
    guard let process = manager.process(request.parameter(0)) else { throw .notFound("process") }
    return try Self.read(request, process)
  }

  /// Answers with what a process has written, as the request asks for it.
  static func read(_ request: Request, _ process: Process) throws(Problem) -> Answer {
    var parameters = Parameters(request)
    let selection = (parameters.choice("stream", Stream.self) ?? .stdout).selection
    let given = parameters.integer("offset", in: -Int.max...Int.max)
    let follow = parameters.bool("follow")
    try parameters.finish()
    let resumed = try request.lastEventID()
    let range = process.outputRange(selection)
    var offset = given.map { $0 < 0 ? range.end - min(range.end, UInt64(-$0)) : UInt64($0) } ?? 0
    if prefersEvents(request) {
      if let resumed { offset = resumed }
      return .now(.events(OutputEvents(process, selection, from: offset, follow: follow ?? true).produce))
    }
    return .now(
      follow == true
        ? OutputFollower.response(process, selection, from: offset, range.start)
        : kept(of: process, selection, from: offset, range))
  }

  /// Generated clients name all that an operation may answer; those mean the bytes.
  private static func prefersEvents(_ request: Request) -> Bool {
    guard let accept = request.header("accept") else { return false }
    return accept.contains("text/event-stream") && !accept.contains("application/octet-stream")
  }

  /// The bytes that are there now, and where to go on.
  private static func kept(
    of process: Process, _ selection: OutputSelection, from offset: UInt64,
    _ range: (start: UInt64, end: UInt64, isOpen: Bool)
  ) -> Response {
    let start = max(offset, range.start)
    let bytes = Bytes(count: start < range.end ? Int(range.end - start) : 0)
    var count = 0
    // Bytes may fall out while we copy; what follows such a gap is left to the next request, which reports it.
    while count < bytes.count,
      case .bytes(let more, _) = process.readOutput(
        selection, at: start + UInt64(count),
        into: UnsafeMutableRawBufferPointer(rebasing: bytes.mutableBuffer[count...]))
    {
      count += more
    }
    bytes.truncate(to: count)
    let next = start + UInt64(count)
    return Response(200, contentType: "application/octet-stream", .bytes(bytes))
      .at(offset, start)
      .with("Procession-Next-Offset", String(next))
      .with("Procession-Complete", !range.isOpen && next >= range.end ? "true" : "false")
  }
}

extension Response {
  /// Says where the body begins, and what was asked for and is gone.
  fileprivate func at(_ wanted: UInt64, _ start: UInt64) -> Response {
    let placed = with("Procession-Offset", String(start))
    return start > wanted ? placed.with("Procession-Gap", "\(wanted)-\(start - 1)") : placed
  }
}

/// A body of the bytes as they come, until the output ends. When bytes fall out before the client has read them the body
/// is cut off, because nothing else could tell it: it resumes from where it is, and is told of the gap by a header.
private final class OutputFollower: BodySource, @unchecked Sendable {
  // Sendable: the server makes all calls from one loop, one at a time.
  private let process: Process
  private let selection: OutputSelection
  private var offset: UInt64
  private var ticket: Ticket?

  static func response(
    _ process: Process, _ selection: OutputSelection, from offset: UInt64, _ oldest: UInt64
  ) -> Response {
    let start = max(offset, oldest)
    let body = OutputFollower(process, selection, from: start)
    return Response(200, contentType: "application/octet-stream", .stream(body)).at(offset, start)
  }

  private init(_ process: Process, _ selection: OutputSelection, from offset: UInt64) {
    self.process = process
    self.selection = selection
    self.offset = offset
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, wake: @escaping @Sendable () -> Void) -> Pull {
    while true {
      switch process.readOutput(selection, at: offset, into: buffer) {
      case .bytes(let count, _):
        offset += UInt64(count)
        return .bytes(count)
      case .gap: return .abort
      case .end: return .end
      case nil: break
      }
      letGo()
      let step = step({ _ in wake() }) { orPark throws(CoreError) in
        try process.waitForOutput(selection, at: offset, until: nil, orPark: orPark)
      } _: {
        .again
      }
      switch step {
      case .parked(let ticket):
        self.ticket = ticket
        return .parked
      case .again, .text: continue
      case .end: return .end
      }
    }
  }

  func close() { letGo() }

  /// Ends what is still parked, should the server ask again before it was woken; what is parked holds this body.
  private func letGo() {
    ticket?.hangUp()
    ticket = nil
  }
}
