import CLinux
import CMicroHTTPD
import CMicroHTTPDHooks
import Glibc
import Linux

/// One thread that reads requests and writes responses. All of libmicrohttpd is called by it alone.
final class Loop: @unchecked Sendable {
  // Sendable: other threads use its constants only, of which `epoll`, `ready` and the atomics are made for that.
  let service: Service
  /// Of the service, where a request finds them without counting a reference.
  let limits: Limits
  let routes: UnsafePointer<Route>
  let routeCount: Int
  let metrics: LoopMetrics
  let epoll: Epoll
  /// Watches suspended connections: of thousands that hang up at once a few are taken at a time, between the others.
  let hangUps: Epoll
  var isHangUpDue = false
  private let ready = Linux.Mutex<[Connection]>([])
  private let stopAt = Atomic<UInt64>(.max)
  private let isStopping = Atomic(false)
  private var thread = pthread_self()
  private let guest: Guest?
  private let ticker: Ticker
  private var isTickDue = false

  /// The time of this turn, in nanoseconds.
  private(set) var now = Deadline.now.nanoseconds
  private(set) var isDraining = false
  var connections: [Connection] = []
  /// How many of its requests that wait the handler that runs has answered.
  var readied = 0
  /// The last that `shedIdle` looked at.
  var shedHand = 0
  var daemons: [Daemon] = []
  private var dirty: [Daemon] = []
  /// Connections that the library is closing before their response was whole.
  var broken: [Connection] = []
  let heads = KnownHeads()
  let responses = ReusableResponses()
  /// Connections whose response will turn out to be lost or not when it is sent.
  var held: [Connection] = []
  var acceptor: Acceptor
  /// What `MHD_add_connection` is called for.
  var adding: Connection?
  private var limiter = LineLimiter()
  private var isComplaintExpected = false

  init(
    _ service: Service, _ listeners: [Listener], _ metrics: LoopMetrics, hosting guest: Guest?
  ) throws(SystemError) {
    self.service = service
    limits = service.limits
    routes = UnsafePointer(service.router.rows)
    routeCount = service.router.count
    self.metrics = metrics
    self.guest = guest
    epoll = try Epoll()
    hangUps = try Epoll()
    try epoll.add(hangUps.descriptor, for: EPOLLIN.rawValue, token: Token.hangUps)
    ticker = try Ticker(milliseconds: Swift.max(service.options.tick, 1))
    try epoll.add(ticker.descriptor, for: EPOLLIN.rawValue, token: Token.tick)
    if let guest { try epoll.add(guest.descriptor, for: EPOLLIN.rawValue, token: Token.guest) }
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
    if pthread_equal(pthread_self(), thread) == 0 {
      if wasEmpty { epoll.wake() }
    } else if case .reply = connection.suspension {
      readied += 1
    }
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
    Self.blockSIGPIPE()
    cmhd_start_holding()
    defer { cmhd_stop_holding() }
    let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: 256)
    defer { events.deallocate() }
    while true {
      let count = epoll.wait(events, milliseconds: patience())
      now = Deadline.now.nanoseconds
      for event in events.prefix(count) { take(event) }
      if isHangUpDue { takeHangUps(events) }
      if service.isDraining.load(ordering: .relaxed), !isDraining { drain() }
      if isStopping.load(ordering: .acquiring) { acceptor.close(epoll) }
      acceptor.acceptAll(for: self)
      resumeReady()
      runDirty()
      // Those whose wait a handler has ended meanwhile need no look at the sockets first.
      if resumeReady() { runDirty() }
      settle()
      cmhd_end_turn()
      if isTickDue {
        isTickDue = false
        acceptor.tick(self)
        reap()
      }
      if isStopping.load(ordering: .acquiring), isIdle || now >= stopAt.load(ordering: .relaxed) { break }
    }
    end()
  }

  /// What sendfile(2) raises when a client has gone; other calls are told not to.
  private static func blockSIGPIPE() {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// How long to wait for an event.
  private func patience() -> CInt {
    ticker.set(running: !connections.isEmpty || acceptor.needsTick)
    if !dirty.isEmpty || acceptor.isPending || ready.withLock({ !$0.isEmpty }) { return 0 }
    return isStopping.load(ordering: .acquiring) ? 5 : -1
  }

  private var isIdle: Bool { connections.allSatisfy(\.isIdle) }

  private func take(_ event: epoll_event) {
    switch event.data.u64 {
    case Epoll.wakeToken: epoll.acknowledgeWake()
    case Token.guest: guest?.run()
    case Token.hangUps: isHangUpDue = true
    case Token.tick:
      ticker.acknowledge()
      isTickDue = true
    case let token where token < Token.daemons: acceptor.mark(Int(token))
    case let token: mark(daemons[Int(token - Token.daemons)])
    }
  }

  enum Token {
    // Those of listeners are below.
    static let daemons: UInt64 = 1024
    static let hangUps: UInt64 = 2045
    static let guest: UInt64 = 2046
    static let tick: UInt64 = 2047
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

  /// Whether there was any.
  @discardableResult
  private func resumeReady() -> Bool {
    let list = ready.withLock { ready -> [Connection] in
      guard !ready.isEmpty else { return [] }
      defer { ready = [] }
      return ready
    }
    for connection in list { resume(connection) }
    return !list.isEmpty
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
    if connection.isHeld { settle() }
    cmhd_forget_socket(connection.fd)
    connection.raw = nil
    connection.daemon.connections -= 1
    service.metrics.connections.subtract(1, ordering: .relaxed)
    let last = connections.removeLast()
    guard last !== connection else { return }
    last.slot = connection.slot
    connections[connection.slot] = last
  }

  // MARK: The end

  private func drain() {
    isDraining = true
    for connection in connections { end(connection, .draining) }
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
      settle()
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

  /// Whether the library has just said that there is no memory for the head of a response. It closes the connection next.
  var isOutOfRoom = false
  static let outOfRoom = "Closing connection (failed to create response header)"

  func isExpectedComplaint() -> Bool {
    defer { isComplaintExpected = false }
    return isComplaintExpected
  }

  /// The library sets options of TCP on every connection that is given to it, and is told by a Unix socket that it has none.
  /// What it says of requests that it cannot read is answered to those who sent them.
  private static let knownComplaints = [
    "Setting TCP_", "Failed to push the data from buffers", "Error processing request", "Not enough memory in pool",
    outOfRoom,
  ]

  func note(_ line: String) {
    if line.hasPrefix(Self.outOfRoom) { isOutOfRoom = true }
    if Self.knownComplaints.contains(where: line.hasPrefix) { return }
    guard let suppressed = limiter.admit(at: now) else { return }
    service.observer?.note(line, suppressed: suppressed)
  }
}
