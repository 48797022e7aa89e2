public import Linux

/// An HTTP server: the routes behind the listening sockets.
///
/// `start` once, then `drain` and `stop`. All methods may be called from any thread, but not from a handler.
public final class Server: Sendable {
  private let service: Service
  private let guest: Guest?
  private let running = Mutex(Running())

  private struct Running {
    var listeners: [Listener] = []
    var loops: [(loop: Loop, thread: Thread)] = []
  }

  public init(
    options: ServerOptions = ServerOptions(), routes: [Route], tokens: Tokens, observer: (any ServerObserver)? = nil,
    guest: Guest? = nil
  ) {
    self.guest = guest
    service = Service(options: options, routes: routes, tokens: tokens, observer: observer)
  }

  public var metrics: RequestMetrics { service.metrics }
  public var routes: [Route] { service.router.routes }
  public var isDraining: Bool { service.isDraining.load(ordering: .relaxed) }

  /// Where it listens, with the ports that it got.
  public var addresses: [ListenAddress] { running.withLock { $0.listeners.map(\.address) } }

  /// Listens on all of `addresses` or on none.
  public func start(_ addresses: [ListenAddress]) throws(ListenError) {
    var listeners: [Listener] = []
    do {
      for address in addresses { listeners.append(try Listener(address)) }
    } catch {
      for listener in listeners { listener.close() }
      throw error
    }
    do {
      var loops: [Loop] = []
      for (index, metrics) in service.metrics.loops.enumerated() {
        loops.append(try Loop(service, listeners, metrics, hosting: index == 0 ? guest : nil))
      }
      for (index, loop) in loops.enumerated() {
        let thread = try Thread("http-\(index)") { loop.run() }
        running.withLock { $0.loops.append((loop, thread)) }
      }
    } catch {
      let first = addresses.first ?? .unix(path: "")
      for listener in listeners { listener.close() }
      stop(by: .now)
      throw .system(first, error)
    }
    let opened = listeners
    running.withLock { $0.listeners = opened }
  }

  /// Begins the end: every request that waits is answered 503, and so is every new one but for `Access.open` ones, so that
  /// probes and clients learn of the end for as long as it takes. What runs is finished.
  public func drain() {
    guard !service.isDraining.exchange(true, ordering: .relaxed) else { return }
    for (loop, _) in running.withLock({ $0.loops }) { loop.epoll.wake() }
  }

  /// Drains, takes no new connections, waits until no request is left or for the deadline, and ends. Returns when all threads are gone.
  public func stop(by deadline: Deadline) {
    drain()
    let ended = running.withLock { running -> Running in
      defer { running = Running() }
      return running
    }
    for (loop, _) in ended.loops { loop.stop(at: deadline) }
    for (_, thread) in ended.loops { thread.join() }
    for listener in ended.listeners { listener.close() }
  }
}
