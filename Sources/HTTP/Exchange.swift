import CMicroHTTPD
import Glibc
import Linux

/// One request and its response, from the request line to the last byte sent. Lives on the loop of its connection; made
/// when the library has read the request line, released when it says that the request is over, and only then.
final class Exchange: HeaderFields {
  let connection: Connection
  /// The target as it came.
  let target: Bytes
  let pathCount: Int
  /// Where the library has the target, to see whether it was cut.
  private let address: UInt
  let began = Deadline.now

  var stage = Stage.head
  var query = Query.empty
  var caller = Caller.nobody
  var method = Method.get
  var parameters: [Range<Int>] = []
  /// The route's index; the number of routes when there is none.
  var route: Int
  var body: BodyBuffer?
  var status = 0
  var isHungUp = false
  /// What a request that waited too long, or into a shutdown, is answered.
  var lastWord: Problem?
  private var onUndelivered: (@Sendable () -> Void)?

  enum Stage {
    case head, body, responding, over
    case parked(Reply)
  }

  init(_ connection: Connection, target: UnsafePointer<CChar>) {
    self.connection = connection
    address = UInt(bitPattern: target)
    self.target = Bytes(copying: UnsafeRawBufferPointer(start: target, count: strlen(target)))
    pathCount = self.target.buffer.firstIndex(of: UInt8(ascii: "?")) ?? self.target.count
    route = connection.loop.service.router.routes.count
  }

  var path: UnsafeRawBufferPointer { target.buffer.slice(0..<pathCount) }

  /// Whether the target ends where the version begins: else there was a NUL in it.
  func isWhole(before version: UnsafePointer<CChar>) -> Bool {
    UInt(bitPattern: version) == address + UInt(target.count) + 1
  }

  func value(_ lowercaseName: String) -> String? {
    guard let raw = connection.raw, connection.exchange === self else { return nil }
    return MHD_lookup_connection_value(raw, .HEADER_KIND, lowercaseName).map { String(cString: $0) }
  }

  /// A callback of the library's that can do nothing but go on or cut the connection.
  func handle(
    method: UnsafePointer<CChar>, version: UnsafePointer<CChar>, data: UnsafePointer<CChar>?,
    size: UnsafeMutablePointer<Int>
  ) -> MHD_Result {
    switch stage {
    case .head:
      do {
        try admit(method: method, version: version)
        stage = .body
        return .YES
      } catch {
        return reject(error)
      }
    case .body:
      guard size.pointee > 0, let data else { return answer() }
      return receive(data, size)
    case .parked(let reply): return unpark(reply)
    case .responding: return .YES
    case .over: return cut()
    }
  }

  private func receive(_ data: UnsafePointer<CChar>, _ size: UnsafeMutablePointer<Int>) -> MHD_Result {
    // A chunked body that is too long cannot be answered any more.
    guard body?.append(data, size.pointee) == true else { return cut() }
    let options = connection.loop.service.options
    connection.deadline &+= UInt64(Double(size.pointee) / options.bodyRate * 1e9)
    size.pointee = 0
    return .YES
  }

  private func answer() -> MHD_Result {
    guard body?.isComplete ?? true else { return cut() }
    let request = Request(method: method, target: target, headers: self)
    request.caller = caller
    request.query = query
    request.parameters = parameters
    if let body = body.take() { request.body = body.finish() }
    do {
      switch try connection.loop.service.router.routes[route].handler(request) {
      case .now(let response): return respond(response)
      case .parked(let reply): return park(reply)
      }
    } catch {
      return respond(error.response(to: path))
    }
  }

  private func park(_ reply: Reply) -> MHD_Result {
    let service = connection.loop.service
    let refusal =
      connection.loop.isDraining
      ? Service.draining : service.metrics.addParked(limit: service.options.maxWaiters) ? nil : Service.tooManyWaiters
    if let refusal {
      // Nobody resumes it before it is armed: whichever came first, it is answered here.
      if reply.hangUp() { return respond(refusal.response(to: path)) }
      return reply.take().map { respond($0) } ?? cut()
    }
    if let response = reply.arm(connection) {
      service.metrics.removeParked()
      return respond(response)
    }
    stage = .parked(reply)
    connection.deadline = service.options.maxWait.map { connection.loop.moment(in: $0) } ?? .max
    suspend(.reply(reply))
    return .YES
  }

  private func unpark(_ reply: Reply) -> MHD_Result {
    if let response = reply.take() { return respond(response) }
    if let lastWord { return respond(lastWord.response(to: path)) }
    return cut()
  }

  func suspend(_ suspension: Connection.Suspension) {
    connection.suspension = suspension
    MHD_suspend_connection(connection.raw)
    connection.loop.watch(connection)
  }

  private func reject(_ problem: Problem) -> MHD_Result {
    let service = connection.loop.service
    if problem.status == 401 || problem.status == 403 {
      service.observer?.refused(
        peer: connection.peer, status: problem.status, code: problem.code,
        target: target.buffer.slice(0..<Swift.min(target.count, 256)).text)
    }
    return respond(problem.response(to: path))
  }

  /// Hands a response to the library.
  private func respond(_ response: Response) -> MHD_Result {
    let loop = connection.loop
    stage = .responding
    status = response.status
    onUndelivered = response.onUndelivered
    let options = loop.service.options
    var seconds = options.readTimeout
    if case .bytes(let bytes) = response.body { seconds += Double(bytes.count) / options.readRate }
    connection.deadline = loop.moment(in: seconds)
    if let prepared = response.prepared {
      return MHD_queue_response(connection.raw, UInt32(status), prepared.raw)
    }
    guard let raw = ResponseWriter.make(response, for: self) else {
      loop.note("a response to \(path.text) has a header that cannot be sent")
      guard case .none = response.body else {
        return respond(Problem(500, "BadResponse", "The response could not be sent.").response(to: path))
      }
      return cut()
    }
    defer { MHD_destroy_response(raw) }
    return MHD_queue_response(connection.raw, UInt32(status), raw)
  }

  /// The answer to the library that closes the connection, which it complains about.
  private func cut() -> MHD_Result {
    connection.loop.expectComplaint()
    return .NO
  }

  /// As `cut`, for the body of a response.
  func endBody() -> Int {
    connection.loop.expectComplaint()
    return Int(cmhd_end_with_error)
  }

  /// The request is over: `isDelivered` is whether the kernel has taken all of the response.
  func complete(isDelivered: Bool) {
    let loop = connection.loop
    let service = loop.service
    if case .parked(let reply) = stage { _ = reply.hangUp() }
    stage = .over
    connection.exchange = nil
    connection.deadline = loop.moment(in: service.options.idleTimeout)
    if !isDelivered { loop.broken.append(connection) }
    let now = Deadline.now
    if status != 0 {
      service.metrics.record(route: route, status: status, nanoseconds: now.nanoseconds &- began.nanoseconds)
    }
    if !isDelivered { onUndelivered?() }
    if route < service.router.routes.count, service.router.routes[route].isAudited {
      service.observer?.audited(
        operation: service.router.routes[route].operation, caller: caller, peer: connection.peer, target: target.text,
        status: status)
    }
  }
}
