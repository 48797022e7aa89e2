import CLinux
import Glibc
import Linux

/// Requests that the library gives up, or leaves no memory to answer.
extension Connection {
  /// The response to what the library cannot make out, or has no room for; `code` is the status that it has in mind, and
  /// becomes the response's.
  func refuse(with code: inout UInt32) -> OpaquePointer? {
    let isBegun = if case .idle = stage { false } else { true }
    // The library may clear what it has read to make room.
    if isBegun { request.keep() }
    let problem = isBegun && request.isTooLong ? Gate.targetTooLong : Connection.refusal(Int(code))
    let response = problem.response(to: isBegun ? request.path : UnsafeRawBufferPointer(start: nil, count: 0))
    body = nil
    stage = .refused
    status = problem.status
    code = UInt32(status)
    deadline = loop.moment(after: limits.reading(response.count ?? 0))
    if !isBegun { loop.metrics.record(route: routeCount, status: status, nanoseconds: 0) }
    return ResponseWriter.make(response, for: self)
  }

  private static func refusal(_ code: Int) -> Problem {
    switch code {
    case 400: Problem(400, "MalformedRequest", "The request, or a chunk of its body, is not HTTP/1.1.")
    case 413: Problem(413, "TooLarge", "A chunk of the body is too large.")
    case 414: Gate.targetTooLong
    case 431: HeaderScan.Fault.tooLarge.problem
    case 505: Gate.versionNotSupported
    default: Problem(code, "NotHTTP", "The request cannot be read.")
    }
  }

  /// The library is about to close the connection, because the head of the request, or what follows its chunks, has left no
  /// room for the head of a response.
  func answerWithoutLibrary() {
    let problem: Problem
    switch stage {
    case .refused: problem = request.isTooLong ? Gate.targetTooLong : HeaderScan.Fault.tooLarge.problem
    case .responding:
      problem = Problem(500, "NoRoom", "The request was carried out, and is too large for its response to have room.")
    case .idle, .head, .body, .whole, .parked, .next: return
    }
    status = problem.status
    let response = problem.response(to: request.path)
    guard case .bytes(let body) = response.body else { return }
    let head = """
      HTTP/1.1 \(response.status) \(title(of: response.status))\r
      Connection: close\r
      Cache-Control: no-store\r
      X-Content-Type-Options: nosniff\r
      Content-Type: \(response.contentType ?? "")\r
      Content-Length: \(body.count)\r
      \r\n
      """
    let answer = Array(head.utf8) + body.buffer
    send(fd, answer, answer.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
  }
}
