import CLinux
import CMicroHTTPD
import Glibc
import Linux

/// One thread that reads requests and writes responses. All of libmicrohttpd is called by it alone.
final class Loop: @unchecked Sendable {
  // Sendable: other threads use its constants only, of which `epoll`, `ready` and the atomics are made for that.
  let service: Service
  let epoll: Epoll
  private let ready = Linux.Mutex<[Connection]>([])
  private let stopAt = Atomic<UInt64>(.max)
  private let isStopping = Atomic(false)
  private var thread = pthread_self()
  private let ticker: Ticker
  private var isTickDue = false

  /// The time of this turn, in nanoseconds.
  private(set) var now = Deadline.now.nanoseconds
  private(set) var isDraining = false
  var connections: [Connection] = []
  var daemons: [Daemon] = []
  private var dirty: [Daemon] = []
  /// Connections that the library is closing before their response was whole.
  var broken: [Connection] = []
  var acceptor: Acceptor
  /// What `MHD_add_connection` is called for.
  var adding: Connection?
  private var limiter = LineLimiter()
  private var isComplaintExpected = false

  init(_ service: Service, _ listeners: [Listener]) throws(SystemError) {
    self.service = service
    epoll = try Epoll()
    ticker = try Ticker(milliseconds: Swift.max(service.options.tick, 1))
    try epoll.add(ticker.descriptor, for: EPOLLIN.rawValue, token: Token.tick)
    acceptor = Acceptor(listeners)
    try acceptor.resume(epoll)
  }

  /// The moment that is `nanoseconds` after this turn began.
  func moment(after nanoseconds: UInt64) -> UInt64 {
    let (moment, overflow) = now.addingReportingOverflow(nanoseconds)
    return overflow ? .max : moment
  }

  // MARK: From any thread

  /// To be called once for each suspension of a connection, by whoever ended its wait.
  func makeReady(_ connection: Connection) {
    let wasEmpty = ready.withLock { ready -> Bool in
      ready.append(connection)
      return ready.count == 1
    }
    if wasEmpty, pthread_equal(pthread_self(), thread) == 0 { epoll.wake() }
  }

  /// Ends the loop when no request is left, or at `deadline`.
  func stop(at deadline: Deadline) {
    stopAt.store(deadline.nanoseconds, ordering: .relaxed)
    isStopping.store(true, ordering: .releasing)
    epoll.wake()
  }

  // MARK: The thread

  func run() {
    thread = pthread_self()
    let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: 256)
    defer { events.deallocate() }
    while true {
      let count = epoll.wait(events, milliseconds: patience())
      now = Deadline.now.nanoseconds
      for event in events.prefix(count) { take(event) }
      if service.isDraining.load(ordering: .relaxed), !isDraining { drain() }
      if isStopping.load(ordering: .acquiring) { acceptor.close(epoll) }
      acceptor.acceptAll(for: self)
      resumeReady()
      runDirty()
      if isTickDue {
        isTickDue = false
        acceptor.tick(self)
        reap()
      }
      if isStopping.load(ordering: .acquiring), isIdle || now >= stopAt.load(ordering: .relaxed) { break }
    }
    end()
  }

  /// How long to wait for an event.
  private func patience() -> CInt {
    ticker.set(running: !connections.isEmpty || acceptor.needsTick)
    if !dirty.isEmpty || acceptor.isPending || ready.withLock({ !$0.isEmpty }) { return 0 }
    return isStopping.load(ordering: .acquiring) ? 5 : -1
  }

  private var isIdle: Bool { connections.allSatisfy(\.isIdle) }

  /// Tokens are small numbers for listeners and daemons, and addresses for suspended connections.
  private func take(_ event: epoll_event) {
    let token = event.data.u64
    if token == Epoll.wakeToken {
      epoll.acknowledgeWake()
    } else if token < Token.daemons {
      acceptor.mark(Int(token))
    } else if token == Token.tick {
      ticker.acknowledge()
      isTickDue = true
    } else if token < Token.end {
      mark(daemons[Int(token - Token.daemons)])
    } else if let address = UnsafeMutableRawPointer(bitPattern: UInt(token)) {
      // Only suspended connections are watched, and only this thread resumes them: it is alive.
      hangUp(Unmanaged<Connection>.fromOpaque(address).takeUnretainedValue())
    }
  }

  enum Token {
    static let daemons: UInt64 = 1024
    static let tick: UInt64 = 2047
    static let end: UInt64 = 2048
  }

  func mark(_ daemon: Daemon) {
    guard !daemon.isDirty else { return }
    daemon.isDirty = true
    dirty.append(daemon)
  }

  private func runDirty() {
    // What is marked meanwhile comes behind these, for the next turn; the array keeps its memory.
    let count = dirty.count
    for index in 0..<count {
      let daemon = dirty[index]
      daemon.isDirty = false
      if daemon.run() { mark(daemon) }
    }
    dirty.removeFirst(count)
    letGo()
  }

  /// The library forgets a connection that it closes because a body ends with an error, until it happens to be the one that
  /// was quiet for the longest. What it is told to resume it looks at.
  private func letGo() {
    if broken.isEmpty { return }
    let list = broken
    broken = []
    for connection in list {
      guard let raw = connection.raw else { continue }
      MHD_suspend_connection(raw)
      MHD_resume_connection(raw)
      mark(connection.daemon)
    }
  }

  // MARK: Suspended connections

  /// Looks for a hang-up while the library does not.
  func watch(_ connection: Connection) {
    let token = UInt64(UInt(bitPattern: Unmanaged.passUnretained(connection).toOpaque()))
    do { try epoll.add(connection.fd, for: EPOLLRDHUP.rawValue, token: token) } catch {
      note("a suspended connection cannot be watched: \(error)")
    }
  }

  private func resumeReady() {
    let list = ready.withLock { ready -> [Connection] in
      guard !ready.isEmpty else { return [] }
      defer { ready = [] }
      return ready
    }
    for connection in list { resume(connection) }
  }

  func resume(_ connection: Connection) {
    switch connection.suspension {
    case .none: return
    case .reply: service.metrics.removeParked()
    case .stream: connection.progress()
    }
    connection.suspension = .none
    epoll.remove(connection.fd)
    MHD_resume_connection(connection.raw)
    // Without a thread of its own the library does not look at it by itself.
    mark(connection.daemon)
  }

  private func hangUp(_ connection: Connection) {
    connection.isHungUp = true
    interrupt(connection)
  }

  /// Ends a wait from here. When somebody else has ended it, the connection is about to be in `ready`.
  private func interrupt(_ connection: Connection) {
    switch connection.suspension {
    case .none: break
    case .reply(let reply): if reply.hangUp() { resume(connection) }
    case .stream(let body): if body.interrupt() { resume(connection) }
    }
  }

  private func end(_ connection: Connection, _ problem: Problem) {
    if case .reply = connection.suspension { connection.lastWord = problem }
    interrupt(connection)
  }

  // MARK: Connections

  func started(_ raw: OpaquePointer?) -> Connection? {
    guard let connection = adding else { return nil }
    adding = nil
    connection.raw = raw
    connection.slot = connections.count
    connections.append(connection)
    connection.daemon.connections += 1
    return connection
  }

  func closed(_ connection: Connection) {
    connection.raw = nil
    connection.daemon.connections -= 1
    service.metrics.connections.subtract(1, ordering: .relaxed)
    let last = connections.removeLast()
    guard last !== connection else { return }
    last.slot = connection.slot
    connections[connection.slot] = last
  }

  /// Ends what takes too long. A shut down socket is closed by the library.
  private func reap() {
    for connection in connections where connection.deadline <= now {
      connection.deadline = .max
      if case .reply = connection.suspension {
        end(connection, Service.maxWait)
      } else {
        shutdown(connection.fd, CInt(SHUT_RDWR))
      }
    }
  }

  // MARK: The end

  private func drain() {
    isDraining = true
    for connection in connections { end(connection, Service.draining) }
  }

  /// The library aborts the process when it is stopped with a suspended connection.
  private func end() {
    isDraining = true
    acceptor.close(epoll)
    for connection in connections { hangUp(connection) }
    resumeReady()
    while connections.contains(where: { if case .none = $0.suspension { false } else { true } }) { resumeReady() }
    for daemon in daemons {
      _ = daemon.run()
      epoll.remove(daemon.epoll)
      daemon.stop()
    }
    // Connections hold their loop.
    broken = []
    ready.withLock { $0 = [] }
  }

  // MARK: Complaints

  /// The library writes a line for each connection that a callback of ours cuts; the next is not worth telling.
  func expectComplaint() { isComplaintExpected = true }

  func isExpectedComplaint() -> Bool {
    defer { isComplaintExpected = false }
    return isComplaintExpected
  }

  /// The library sets options of TCP on every connection that is given to it, and is told by a Unix socket that it has none.
  private static let knownComplaints = ["Setting TCP_", "Failed to push the data from buffers"]

  func note(_ line: String) {
    if Self.knownComplaints.contains(where: line.hasPrefix) { return }
    guard let suppressed = limiter.admit(at: now) else { return }
    service.observer?.note(line, suppressed: suppressed)
  }
}
