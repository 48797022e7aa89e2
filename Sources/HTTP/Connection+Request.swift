import CMicroHTTPD
import CMicroHTTPDHooks
import Glibc
import Linux

/// One request and its response, from the request line to the last byte sent.
extension Connection {
  /// The library has read the request line.
  func begin(_ target: UnsafePointer<CChar>) {
    // Somebody kept the last one beyond its handler: it stays what it was.
    if !isKnownUniquelyReferenced(&request) { request = Request() }
    if isHeld { loop.settle() }
    request.begin(target)
    loop.heads.begin(self)
    stage = .head
    began = loop.now
    route = routeCount
    status = 0
    isHungUp = false
    deadline = loop.moment(after: limits.header)
    loop.metrics.begin()
  }

  /// A callback of the library's that can do nothing but go on or cut the connection.
  func handle(
    method: UnsafePointer<CChar>, version: UnsafePointer<CChar>, data: UnsafePointer<CChar>?,
    size: UnsafeMutablePointer<Int>
  ) -> MHD_Result {
    switch stage {
    case .head:
      do {
        stage = try admit(method: method, version: version) ? .body : .whole
        return .YES
      } catch {
        return reject(error)
      }
    case .body:
      if size.pointee > 0, let data { return receive(data, size) }
      guard takeBody() else { return cut() }
      return answer()
    case .whole: return answer()
    case .parked(let reply): return unpark(reply)
    case .next(let answer): return give(answer)
    case .responding, .refused: return .YES
    case .idle: return cut()
    }
  }

  private func receive(_ data: UnsafePointer<CChar>, _ size: UnsafeMutablePointer<Int>) -> MHD_Result {
    if let upload {
      guard !isHungUp else { return cut() }
      size.pointee -= upload.write(UnsafeRawBufferPointer(start: data, count: size.pointee), for: self)
      // Held up, it has as long as a wait has; else the rest has to come.
      let patience = if case .upload = suspension { limits.wait } else { Optional(limits.body) }
      deadline = patience.map { loop.moment(after: $0) } ?? .max
      return .YES
    }
    // A chunked body that is too long cannot be answered any more.
    guard body?.append(data, size.pointee) == true else { return cut() }
    deadline &+= limits.bodyPerByte &* UInt64(size.pointee)
    size.pointee = 0
    return .YES
  }

  /// False when it is cut short.
  private func takeBody() -> Bool {
    guard body?.isComplete ?? true else { return false }
    if let body = body.take() { request.document = body.finish() }
    return true
  }

  private func answer() -> MHD_Result {
    let answer: MHD_Result
    do {
      request.raw = raw
      defer { request.raw = nil }
      loop.readied = 0
      let decided = try decide()
      answer = isOthersTurn(decided) ? giveWay(decided) : give(consume decided)
    } catch {
      answer = respond(error.response(to: request.path))
    }
    if isKnownUniquelyReferenced(&request) { request.letGo() } else { request.keep() }
    return answer
  }

  private func give(_ answer: consuming Answer) -> MHD_Result {
    switch consume answer {
    case .now(let response): respond(response)
    case .prepared(let response): respond(response)
    case .parked(let reply): park(reply)
    case .upload: preconditionFailure("a body that is here already needs no sink")
    }
  }

  private func decide() throws(Problem) -> Answer {
    if let upload { return try upload.finish() }
    switch routes[route].body {
    case .document where request.body.count == 0:
      throw Problem(400, "JSONDecodeError", "The body is empty; a JSON object is expected.")
    case .optionalDocument where request.isNull: request.document = nil
    default: break
    }
    return try routes[route].handler(request)
  }

  private func reject(_ problem: Problem) -> MHD_Result {
    if problem.status == 401 || problem.status == 403 {
      loop.service.observer?.refused(
        peer: peer, status: problem.status, code: problem.code,
        target: request.target.slice(0..<Swift.min(request.target.count, 256)).text)
    }
    defer { stage = .refused }
    return respond(problem.response(to: request.path))
  }

  /// Hands a response to the library.
  func respond(_ response: Response) -> MHD_Result {
    if let prepared = response.prepared, let shared = prepared.raw {
      return queue(shared, response.status, prepared.count, response.onUndelivered)
    }
    return response.prepared == nil ? send(response) : send(response.whole)
  }

  private func respond(_ prepared: PreparedResponse) -> MHD_Result {
    guard let shared = prepared.raw else { return send(prepared.original) }
    return queue(shared, prepared.status, prepared.count, prepared.onUndelivered)
  }

  private func send(_ response: Response) -> MHD_Result {
    if let reused = loop.responses.take(response) {
      reusedResponse = reused.index
      return queue(reused.raw, response.status, response.count, response.onUndelivered)
    }
    guard let made = ResponseWriter.make(response, for: self) else {
      loop.note("a response to \(request.path.text) has a header that cannot be sent")
      response.onUndelivered?()
      guard case .none = response.body else {
        return respond(Problem(500, "BadResponse", "The response could not be sent.").response(to: request.path))
      }
      return cut()
    }
    defer { MHD_destroy_response(made) }
    return queue(made, response.status, response.count, response.onUndelivered)
  }

  private func queue(
    _ response: OpaquePointer, _ status: Int, _ count: Int?, _ onUndelivered: (@Sendable () -> Void)?
  ) -> MHD_Result {
    stage = .responding
    let isToBeHeld = hold(count, matters: onUndelivered != nil)
    if let onUndelivered {
      guard isToBeHeld || !isGone else {
        // The kernel would take it all the same, and nobody would ever know.
        onUndelivered()
        return cut()
      }
      self.onUndelivered = onUndelivered
    }
    self.status = status
    deadline = loop.moment(after: limits.reading(count ?? 0))
    return cmhd_queue_response(raw, UInt32(status), response) ? .YES : .NO
  }

  /// The request is over: `isDelivered` is whether the kernel has taken all of the response.
  func complete(isDelivered: Bool) {
    let metrics = loop.metrics
    metrics.end()
    switch stage {
    case .parked(let reply): if !reply.hangUp() { reply.take()?.onUndelivered?() }
    case .next(.now(let response)): response.onUndelivered?()
    case .next(.prepared(let response)): response.onUndelivered?()
    case .body: body = nil
    default: break
    }
    if loop.isOutOfRoom {
      loop.isOutOfRoom = false
      answerWithoutLibrary()
    }
    stage = .idle
    if let reused = reusedResponse {
      reusedResponse = nil
      loop.responses.giveBack(reused)
    }
    deadline = loop.moment(after: limits.idle)
    if !isDelivered { loop.broken.append(self) }
    if status != 0 {
      metrics.record(route: route, status: status, nanoseconds: Deadline.now.nanoseconds &- began)
    }
    began = loop.now
    if onUndelivered != nil {
      if isDelivered, cmhd_is_held(fd) {
        isHeld = true
        loop.held.append(self)
      } else {
        settle(isLost: !isDelivered)
      }
    }
    if let upload {
      upload.cancel()
      self.upload = nil
    }
    lastWord = nil
    if route < routeCount, routes[route].isAudited {
      loop.service.observer?.audited(
        operation: routes[route].operation, caller: request.caller, peer: peer,
        target: request.target.text, status: status)
    }
  }
}
