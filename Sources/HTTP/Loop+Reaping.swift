import Glibc

/// Connections that are ended from here.
extension Loop {
  /// Closes a connection that has been idle for a while, as its client has to expect at any time. A few are looked at each time,
  /// so that those who come in vain cost little.
  func shedIdle() -> Bool {
    for _ in 0..<Swift.min(connections.count, 64) {
      shedHand = shedHand + 1 < connections.count ? shedHand + 1 : 0
      let connection = connections[shedHand]
      guard connection.isIdle, !connection.isHungUp, now &- connection.began >= limits.leastIdle else { continue }
      connection.isHungUp = true
      shutdown(connection.fd, CInt(SHUT_RDWR))
      return true
    }
    return false
  }

  /// Ends what takes too long. A shut down socket is closed by the library.
  func reap() {
    for connection in connections where connection.deadline <= now {
      connection.deadline = .max
      if case .reply = connection.suspension {
        end(connection, .maxWait)
      } else {
        shutdown(connection.fd, CInt(SHUT_RDWR))
      }
    }
  }
}
