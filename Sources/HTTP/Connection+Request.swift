import CMicroHTTPD
import Glibc
import Linux

/// One request and its response, from the request line to the last byte sent.
extension Connection {
  /// The library has read the request line.
  func begin(_ target: UnsafePointer<CChar>) {
    // Somebody kept the last one beyond its handler: it stays what it was.
    if !isKnownUniquelyReferenced(&request) { request = Request() }
    request.begin(target)
    stage = .head
    began = loop.now
    route = routeCount
    status = 0
    isHungUp = false
    deadline = loop.moment(after: limits.header)
    loop.service.metrics.inFlight.add(1, ordering: .relaxed)
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
    case .idle: return cut()
    }
  }

  private func receive(_ data: UnsafePointer<CChar>, _ size: UnsafeMutablePointer<Int>) -> MHD_Result {
    // A chunked body that is too long cannot be answered any more.
    guard body?.append(data, size.pointee) == true else { return cut() }
    deadline &+= limits.bodyPerByte &* UInt64(size.pointee)
    size.pointee = 0
    return .YES
  }

  private func answer() -> MHD_Result {
    guard body?.isComplete ?? true else { return cut() }
    if let body = body.take() { request.document = body.finish() }
    let answer: MHD_Result
    do {
      request.raw = raw
      defer { request.raw = nil }
      switch try routes[route].handler(request) {
      case .now(let response): answer = respond(response)
      case .parked(let reply): answer = park(reply)
      }
    } catch {
      answer = respond(error.response(to: request.path))
    }
    if isKnownUniquelyReferenced(&request) { request.letGo() } else { request.keep() }
    return answer
  }

  private func reject(_ problem: Problem) -> MHD_Result {
    if problem.status == 401 || problem.status == 403 {
      loop.service.observer?.refused(
        peer: peer, status: problem.status, code: problem.code,
        target: request.target.slice(0..<Swift.min(request.target.count, 256)).text)
    }
    return respond(problem.response(to: request.path))
  }

  /// Hands a response to the library.
  func respond(_ response: Response) -> MHD_Result {
    stage = .responding
    status = response.status
    onUndelivered = response.onUndelivered
    if let prepared = response.prepared, let shared = prepared.raw {
      deadline = loop.moment(after: limits.reading(prepared.count))
      return MHD_queue_response(raw, UInt32(status), shared)
    }
    let whole = response.whole
    deadline = loop.moment(after: limits.reading(whole.count))
    guard let made = ResponseWriter.make(whole, for: self) else {
      loop.note("a response to \(request.path.text) has a header that cannot be sent")
      guard case .none = whole.body else {
        return respond(Problem(500, "BadResponse", "The response could not be sent.").response(to: request.path))
      }
      return cut()
    }
    defer { MHD_destroy_response(made) }
    return MHD_queue_response(raw, UInt32(status), made)
  }

  /// The request is over: `isDelivered` is whether the kernel has taken all of the response.
  func complete(isDelivered: Bool) {
    let metrics = loop.service.metrics
    metrics.inFlight.subtract(1, ordering: .relaxed)
    if case .parked(let reply) = stage { _ = reply.hangUp() }
    stage = .idle
    deadline = loop.moment(after: limits.idle)
    if !isDelivered { loop.broken.append(self) }
    if status != 0 {
      metrics.record(route: route, status: status, nanoseconds: Deadline.now.nanoseconds &- began)
    }
    if let onUndelivered {
      if !isDelivered { onUndelivered() }
      self.onUndelivered = nil
    }
    body = nil
    if lastWord != nil { lastWord = nil }
    if route < routeCount, routes[route].isAudited {
      loop.service.observer?.audited(
        operation: routes[route].operation, caller: request.caller, peer: peer,
        target: request.target.text, status: status)
    }
  }
}
