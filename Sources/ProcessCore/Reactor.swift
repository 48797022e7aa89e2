import CLinux
import Glibc
public import Linux

/// Told by the reactor, on its thread, that a descriptor is ready.
protocol ReactorSource: AnyObject, Sendable {
  func ready(_ events: UInt32, on reactor: Reactor)
}

/// The one thread that watches pidfds and pipes, and rings the alarms.
///
/// Sources are called on this thread only, one at a time, and must not block.
public final class Reactor: Sendable {
  private struct State {
    var sources: [UInt64: any ReactorSource] = [:]
    /// Those that are to be called whether or not their descriptors are ready.
    var posted: [any ReactorSource] = []
    var isStopping = false
    var thread: Thread?
  }

  public let alarms: Alarms
  private let epoll: Epoll
  private let state = Mutex(State())
  private let scratch: Bytes
  private let lastToken = Atomic<UInt64>(0)

  public init(alarms: Alarms) throws(SystemError) {
    self.alarms = alarms
    epoll = try Epoll()
    scratch = Bytes(count: 64 << 10)
    alarms.onEarlier { [epoll] in epoll.wake() }
  }

  /// One without a thread: somebody else's loop watches `descriptor`, and calls `turn` when it is readable.
  public init(hostedBesides reactor: Reactor) throws(SystemError) {
    alarms = reactor.alarms
    epoll = try Epoll()
    scratch = Bytes(count: 64 << 10)
  }

  public var descriptor: CInt { epoll.descriptor }

  /// Calls the sources that are ready now.
  public func turn() {
    withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { events in
      let count = epoll.wait(events, milliseconds: 0)
      for event in events[..<count] { call(event) }
    }
  }

  public func start() throws(SystemError) {
    let thread = try Thread("reactor") { self.run() }
    state.withLock { $0.thread = thread }
  }

  /// Ends the thread. Sources that are still watched and alarms that are still set are forgotten.
  public func stop() {
    let thread = state.withLock { state in
      state.isStopping = true
      return state.thread.take()
    }
    epoll.wake()
    thread?.join()
    let forgotten = state.withLock { state in
      defer {
        state.sources = [:]
        state.posted = []
      }
      return (state.sources, state.posted)
    }
    _ = forgotten  // Let go outside the lock.
    alarms.unsetAll()
  }

  /// A token to watch a descriptor by; made first, because a source may be called before `watch` has returned.
  func makeToken() -> UInt64 { lastToken.add(1, ordering: .relaxed).newValue }

  /// How many descriptors are watched.
  var watchedCount: Int { state.withLock { $0.sources.count } }

  /// Watches `fd` until `unwatch`. The source must not close it before.
  func watch(_ fd: CInt, for events: UInt32, token: UInt64, _ source: any ReactorSource) throws(SystemError) {
    state.withLock { $0.sources[token] = source }
    do throws(SystemError) {
      try epoll.add(fd, for: events, token: token)
    } catch {
      state.withLock { state in _ = state.sources.removeValue(forKey: token) }
      throw error
    }
  }

  func rewatch(_ fd: CInt, for events: UInt32, token: UInt64) {
    // Fails only when the descriptor is no longer watched, and then nobody wants its events.
    try? epoll.modify(fd, for: events, token: token)
  }

  /// After this the source is not called again, except when it is being called at this moment.
  func unwatch(_ fd: CInt, token: UInt64) {
    epoll.remove(fd)
    state.withLock { state in _ = state.sources.removeValue(forKey: token) }
  }

  /// Has a source called soon, with no events, from any thread.
  func post(_ source: any ReactorSource) {
    let isFirst = state.withLock { state in
      state.posted.append(source)
      return state.posted.count == 1
    }
    if isFirst { epoll.wake() }
  }

  /// Memory for a source to read into while it is being called.
  var buffer: UnsafeMutableRawBufferPointer { scratch.mutableBuffer }

  private func run() {
    let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: 256)
    defer { events.deallocate() }
    while !state.withLock({ $0.isStopping }) {
      let count = epoll.wait(events, milliseconds: delay(until: alarms.ringDue(at: .now)))
      for event in events[..<count] {
        call(event)
      }
      for source in takePosted() { source.ready(0, on: self) }
    }
  }

  private func takePosted() -> [any ReactorSource] {
    state.withLock { state in
      defer { state.posted = [] }
      return state.posted
    }
  }

  private func call(_ event: epoll_event) {
    if event.data.u64 == Epoll.wakeToken {
      epoll.acknowledgeWake()
    } else if let source = state.withLock({ $0.sources[event.data.u64] }) {
      // One that an earlier event of this round has unwatched is not found.
      source.ready(event.events, on: self)
    }
  }

  /// Milliseconds to wait, rounded up so that the alarm is due after it.
  private func delay(until deadline: Deadline?) -> CInt {
    guard let deadline else { return -1 }
    return CInt(min((deadline.secondsLeft * 1000).rounded(.up), 3_600_000))
  }
}
