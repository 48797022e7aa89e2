import CLinux
import CMicroHTTPD
import Glibc
import Linux

/// Connections whose request waits, or whose body or response is held up.
extension Loop {
  /// Looks for a hang-up while the library does not.
  func watch(_ connection: Connection) {
    let token = UInt64(UInt(bitPattern: Unmanaged.passUnretained(connection).toOpaque()))
    do { try hangUps.add(connection.fd, for: EPOLLRDHUP.rawValue, token: token) } catch {
      note("a suspended connection cannot be watched: \(error)")
    }
  }

  func takeHangUps(_ events: UnsafeMutableBufferPointer<epoll_event>) {
    isHangUpDue = false
    let some = UnsafeMutableBufferPointer(rebasing: events[..<32])
    let count = hangUps.wait(some, milliseconds: 0)
    for event in some.prefix(count) {
      guard let address = UnsafeMutableRawPointer(bitPattern: UInt(event.data.u64)) else { continue }
      // Only suspended connections are watched, and only this thread resumes them: it is alive.
      hangUp(Unmanaged<Connection>.fromOpaque(address).takeUnretainedValue())
    }
  }

  func resume(_ connection: Connection) {
    var isWatched = true
    switch connection.suspension {
    case .none: return
    case .turn: isWatched = false
    case .reply: service.metrics.removeParked()
    case .stream: connection.progress()
    case .upload: connection.deadline = moment(after: connection.limits.body)
    }
    if isWatched { hangUps.remove(connection.fd) }
    connection.suspension = .none
    MHD_resume_connection(connection.raw)
    // Without a thread of its own the library does not look at it by itself.
    mark(connection.daemon)
  }

  func hangUp(_ connection: Connection) {
    connection.isHungUp = true
    interrupt(connection)
  }

  /// Ends a wait from here. When somebody else has ended it, the connection is about to be in `ready`.
  private func interrupt(_ connection: Connection) {
    switch connection.suspension {
    case .none, .turn: break
    case .reply(let reply): if reply.hangUp() { resume(connection) }
    case .stream(let body): if body.interrupt() { resume(connection) }
    case .upload(let upload): if upload.interrupt() { resume(connection) }
    }
  }

  func end(_ connection: Connection, _ word: Connection.LastWord) {
    if case .reply = connection.suspension { connection.lastWord = word }
    interrupt(connection)
  }
}
