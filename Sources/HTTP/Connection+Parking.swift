import CMicroHTTPD
import Linux

/// Requests that wait for their reply: the connection is suspended meanwhile.
extension Connection {
  func park(_ reply: Reply) -> MHD_Result {
    let service = loop.service
    let refusal =
      loop.isDraining
      ? Service.draining : service.metrics.addParked(limit: service.options.waiterLimit) ? nil : Service.tooManyWaiters
    if let refusal {
      // Nobody resumes it before it is armed: whichever came first, it is answered here.
      if reply.hangUp() { return respond(refusal.response(to: request.path)) }
      return reply.take().map { respond($0) } ?? cut()
    }
    if let response = reply.arm(self) {
      service.metrics.removeParked()
      return respond(response)
    }
    stage = .parked(reply)
    deadline = limits.wait.map { loop.moment(after: $0) } ?? .max
    suspend(.reply(reply))
    return .YES
  }

  /// Whether its handler has ended the wait of a few on this loop, who have waited for longer than it has. Of thousands it
  /// does not wait for the answers.
  func isOthersTurn(_ answer: Answer) -> Bool {
    if case .parked = answer { return false }
    return (1...4).contains(loop.readied)
  }

  /// Lets those be answered first whose wait its handler has ended: they are held up by what its own answer wakes.
  func giveWay(_ answer: Answer) -> MHD_Result {
    stage = .next(answer)
    suspension = .turn
    MHD_suspend_connection(raw)
    loop.makeReady(self)
    return .YES
  }

  func unpark(_ reply: Reply) -> MHD_Result {
    if let response = reply.take() { return respond(response) }
    if let lastWord { return respond(lastWord.problem.response(to: request.path)) }
    return cut()
  }

  func suspend(_ suspension: Suspension) {
    self.suspension = suspension
    MHD_suspend_connection(raw)
    loop.watch(self)
  }
}
