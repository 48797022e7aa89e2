import CMicroHTTPD
import Linux

/// An accepted socket, from `MHD_add_connection` until the library is about to close it, and the request that is on it.
///
/// A connection has one request at a time, so the state of a request is a part of it and is used again for the next:
/// `begin` sets it, `complete` lets go of what it holds.
final class Connection: @unchecked Sendable {
  // Sendable: but for its constants, it is touched by the thread of its loop alone. Other threads hold it only to hand
  // it to `Loop.makeReady`.
  let fd: CInt
  let peer: Peer
  let loop: Loop
  let daemon: Daemon
  /// Of the service, where a request finds them without counting a reference.
  let limits: Limits
  let routes: UnsafePointer<Route>
  let routeCount: Int
  /// The library's handle.
  var raw: OpaquePointer?
  /// Why it is suspended, if it is.
  var suspension = Suspension.none
  /// When the reaper ends what is going on, in nanoseconds.
  var deadline: UInt64
  /// Where it is in the loop's list.
  var slot = 0

  // MARK: The request

  var stage = Stage.idle
  var request = Request()
  var began: UInt64 = 0
  /// The route's index; the number of routes when there is none.
  var route = 0
  var body: BodyBuffer?
  var status = 0
  var isHungUp = false
  /// What a request that waited too long, or into a shutdown, is answered.
  var lastWord: Problem?
  var onUndelivered: (@Sendable () -> Void)?

  enum Suspension {
    case none
    case reply(Reply)
    case stream(StreamBody)
  }

  enum Stage {
    case idle, head, body, responding
    case parked(Reply)
  }

  init(fd: CInt, peer: Peer, loop: Loop, daemon: Daemon) {
    self.fd = fd
    self.peer = peer
    self.loop = loop
    self.daemon = daemon
    limits = loop.service.limits
    routes = UnsafePointer(loop.service.router.rows)
    routeCount = loop.service.router.count
    deadline = loop.moment(after: limits.header)
  }

  var isIdle: Bool { if case .idle = stage { true } else { false } }

  /// A stream got on.
  func progress() { deadline = loop.moment(after: limits.read) }

  /// The answer to the library that closes the connection, which it complains about.
  func cut() -> MHD_Result {
    loop.expectComplaint()
    return .NO
  }

  /// As `cut`, for the body of a response.
  func endBody() -> Int {
    loop.expectComplaint()
    return Int(cmhd_end_with_error)
  }
}
