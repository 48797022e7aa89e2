import CLinux
import CMicroHTTPD
import Glibc
import Linux

/// An accepted socket, from `MHD_add_connection` until the library is about to close it, and the request that is on it.
///
/// A connection has one request at a time, so the state of a request is a part of it and is used again for the next:
/// `begin` sets it, `complete` lets go of what it holds.
final class Connection: @unchecked Sendable {
  // Sendable: but for its constants, it is touched by the thread of its loop alone. Other threads hold it only to hand
  // it to `Loop.makeReady`.
  let fd: CInt
  var isHungUp = false
  /// Why a request that waited is told to wait no longer.
  var lastWord: LastWord?
  /// In `Loop.heads`. Here it takes what is left of a word: ten thousand connections are worth it.
  var recentHeads = RecentHeads()
  let peer: Peer
  let origin: Origin
  let loop: Loop
  let daemon: Daemon
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
  /// When its request did, or when it became idle.
  var began: UInt64
  /// The route's index; the number of routes when there is none.
  var route = 0
  var body: BodyBuffer?
  var upload: Upload?
  var status = 0
  /// Of its response, when it is one of `Loop.responses`.
  var reusedResponse: Int?
  var onUndelivered: (@Sendable () -> Void)?
  /// Whether its last response is in `Loop.held`.
  var isHeld = false
  /// At most so many bytes have been sent since the client was known to have all of them, the kernel's own included.
  var unacknowledged = 0

  /// Where it comes from, as far as that decides on what it may do.
  enum Origin: UInt8 {
    case network
    /// A Unix socket, at whose other end is somebody else.
    case stranger
    /// A Unix socket, at whose other end is whoever runs the service, or root.
    case owner

    init(_ peer: Peer, _ service: Service) {
      guard case .unix(let uid, _) = peer else {
        self = .network
        return
      }
      self = uid == 0 || uid == service.uid ? .owner : .stranger
    }
  }

  enum LastWord {
    case maxWait, draining

    var problem: Problem {
      switch self {
      case .maxWait: Service.maxWait
      case .draining: Service.draining
      }
    }
  }

  enum Suspension {
    case none
    case reply(Reply)
    case stream(StreamBody)
    case upload(Upload)
    /// For the rest of this turn, too briefly to be watched for a hang-up.
    case turn
  }

  enum Stage {
    /// `whole`: no body is to come. `refused`: the response is on its way, and no handler was asked for it.
    case idle, head, body, whole, responding, refused
    case parked(Reply)
    /// It is answered next, after those who waited for what it did.
    indirect case next(Answer)
  }

  init(fd: CInt, peer: Peer, loop: Loop, daemon: Daemon) {
    self.fd = fd
    self.peer = peer
    origin = Origin(peer, loop.service)
    self.loop = loop
    self.daemon = daemon
    deadline = loop.moment(after: loop.limits.header)
    began = loop.now
  }

  var limits: Limits { loop.limits }
  var routes: UnsafePointer<Route> { loop.routes }
  var routeCount: Int { loop.routeCount }

  var isIdle: Bool { if case .idle = stage { true } else { false } }

  /// A stream got on.
  func progress() { deadline = loop.moment(after: limits.read) }

  /// Whether the client has closed its side. Only the kernel knows, and asking it is worth it where something would be lost.
  var isGone: Bool {
    if isHungUp { return true }
    let gone = Int16(EPOLLRDHUP.rawValue) | Int16(POLLHUP) | Int16(POLLERR)
    var state = pollfd(fd: fd, events: gone, revents: 0)
    return poll(&state, 1, 0) > 0 && state.revents & gone != 0
  }

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
