import CLinux
import CMicroHTTPD
import Glibc
import Linux

/// Takes connections from the listening sockets and gives them to the loop's daemons.
struct Acceptor {
  /// Connections that one daemon gets before there is another, and the most daemons.
  private static let batch = 64
  private static let maxDaemons = 128
  /// Taken from a socket in a turn. Each is read from at once, and who has a connection already waits for that.
  private static let accepts = 16

  private let listeners: [Listener]
  private var pending: [Bool]
  private var isListening = false
  private var isClosed = false
  private var pausedUntil: UInt64 = 0
  /// Sockets that were told that there is no room, closed at the next tick: closed at once, the kernel would throw away
  /// what the client has not read yet.
  private var leaving: [CInt] = []

  init(_ listeners: [Listener]) {
    self.listeners = listeners
    pending = listeners.map { _ in false }
  }

  var isPending: Bool { pending.contains(true) }
  var needsTick: Bool { !leaving.isEmpty || pausedUntil != 0 }

  mutating func resume(_ epoll: Epoll) throws(SystemError) {
    for (index, listener) in listeners.enumerated() {
      try epoll.add(listener.fd, for: EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue, token: UInt64(index))
    }
    isListening = true
  }

  private mutating func pause(_ epoll: Epoll) {
    for listener in listeners where isListening { epoll.remove(listener.fd) }
    pending = listeners.map { _ in false }
    isListening = false
  }

  mutating func close(_ epoll: Epoll) {
    pause(epoll)
    isClosed = true
    pausedUntil = 0
    for fd in leaving { Glibc.close(fd) }
    leaving = []
  }

  mutating func mark(_ index: Int) { pending[index] = isListening }

  mutating func tick(_ loop: Loop) {
    for fd in leaving { Glibc.close(fd) }
    leaving.removeAll()
    guard pausedUntil != 0, pausedUntil <= loop.now, !isClosed else { return }
    pausedUntil = 0
    do { try resume(loop.epoll) } catch { loop.note("cannot listen again: \(error)") }
  }

  /// Takes some from each socket that has any; more are taken on the next turn.
  mutating func acceptAll(for loop: Loop) {
    for index in pending.indices where pending[index] {
      var left = Self.accepts
      while left > 0, accept(from: listeners[index], for: loop) { left -= 1 }
      if left > 0 || !isListening { pending[index] = false }
    }
  }

  /// False when there is nothing to take now.
  private mutating func accept(from listener: Listener, for loop: Loop) -> Bool {
    var address = sockaddr_storage()
    var count = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let fd = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        accept4(listener.fd, $0, &count, CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue))
      }
    }
    guard fd >= 0 else {
      switch errno {
      case EAGAIN: return false
      case EMFILE, ENFILE, ENOBUFS, ENOMEM:
        loop.note("no connection is accepted for a moment: \(SystemError("accept4", errno: errno))")
        pause(loop.epoll)
        pausedUntil = loop.now &+ 100_000_000
        return false
      default: return true  // One connection that went away before it was taken.
      }
    }
    let metrics = loop.service.metrics
    let connections = metrics.connections.add(1, ordering: .relaxed).newValue
    guard connections <= loop.service.options.maxConnections || loop.shedIdle() else {
      metrics.connections.subtract(1, ordering: .relaxed)
      turnAway(fd)
      return true
    }
    if case .tcp = listener.address {
      var one: CInt = 1
      setsockopt(fd, CInt(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    }
    let peer = withUnsafeBytes(of: &address) { bytes in
      // The storage has an address.
      Peer(socket: fd, address: bytes.baseAddress!, count: count)
    }
    add(fd, peer, &address, count, to: loop)
    return true
  }

  private func add(
    _ fd: CInt, _ peer: Peer, _ address: inout sockaddr_storage, _ count: socklen_t, to loop: Loop
  ) {
    guard let daemon = loop.daemonForNext(batch: Acceptor.batch, limit: Acceptor.maxDaemons) else {
      loop.service.metrics.connections.subtract(1, ordering: .relaxed)
      Glibc.close(fd)
      return
    }
    loop.adding = Connection(fd: fd, peer: peer, loop: loop, daemon: daemon)
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { MHD_add_connection(daemon.raw, fd, $0, count) }
    }
    if result != .YES, loop.adding != nil {
      loop.adding = nil
      loop.service.metrics.connections.subtract(1, ordering: .relaxed)
    }
    loop.mark(daemon)
  }

  /// Nobody is left to wait in the backlog: with no room, that is the answer.
  private mutating func turnAway(_ fd: CInt) {
    let answer: StaticString =
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    send(fd, answer.utf8Start, answer.utf8CodeUnitCount, CInt(MSG_NOSIGNAL))
    shutdown(fd, CInt(SHUT_WR))
    if leaving.count < 64 { leaving.append(fd) } else { Glibc.close(fd) }
  }
}

extension Loop {
  /// The daemon for a new connection: few connections keep together, so that one run serves many of them.
  fileprivate func daemonForNext(batch: Int, limit: Int) -> Daemon? {
    if let daemon = daemons.first(where: { $0.connections < batch }) { return daemon }
    if daemons.count < limit, let daemon = Daemon(self) {
      do {
        try epoll.add(daemon.epoll, for: EPOLLIN.rawValue, token: Token.daemons + UInt64(daemons.count))
        daemons.append(daemon)
        return daemon
      } catch {
        daemon.stop()
        note("no further instance of libmicrohttpd: \(error)")
      }
    }
    return daemons.min { $0.connections < $1.connections }
  }
}
