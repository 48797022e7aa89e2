import CMicroHTTPD
import Linux

/// An accepted socket, from `MHD_add_connection` until the library is about to close it.
final class Connection: @unchecked Sendable {
  // Sendable: but for its constants, it is touched by the thread of its loop alone. Other threads hold it only to hand
  // it to `Loop.makeReady`.
  let fd: CInt
  let peer: Peer
  let loop: Loop
  let daemon: Daemon
  /// The library's handle.
  var raw: OpaquePointer?
  /// The request that is being read or answered.
  var exchange: Exchange?
  /// Why it is suspended, if it is.
  var suspension = Suspension.none
  /// When the reaper ends what is going on, in nanoseconds.
  var deadline: UInt64
  /// Where it is in the loop's list.
  var slot = 0

  enum Suspension {
    case none
    case reply(Reply)
    case stream(StreamBody)
  }

  init(fd: CInt, peer: Peer, loop: Loop, daemon: Daemon) {
    self.fd = fd
    self.peer = peer
    self.loop = loop
    self.daemon = daemon
    deadline = loop.moment(in: loop.service.options.headerTimeout)
  }

  /// A stream got on.
  func progress() { deadline = loop.moment(in: loop.service.options.readTimeout) }
}
