public import CLinux
import Glibc

/// An epoll instance, and the eventfd by which other threads make it return.
///
/// One thread waits; every other method may be called from any thread. See epoll(7).
public final class Epoll: Sendable {
  public let descriptor: CInt
  private let wakeup: CInt

  /// The token that no caller may use: it is the eventfd's.
  public static let wakeToken = UInt64.max

  public init() throws(SystemError) {
    descriptor = try system("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) }
    wakeup = try system("eventfd") { eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK)) }
    try add(wakeup, for: EPOLLIN.rawValue, token: Self.wakeToken)
  }

  deinit {
    close(wakeup)
    close(descriptor)
  }

  public func add(_ fd: CInt, for events: UInt32, token: UInt64) throws(SystemError) {
    var event = epoll_event(events: events, data: epoll_data_t(u64: token))
    try system("epoll_ctl") { epoll_ctl(descriptor, EPOLL_CTL_ADD, fd, &event) }
  }

  public func modify(_ fd: CInt, for events: UInt32, token: UInt64) throws(SystemError) {
    var event = epoll_event(events: events, data: epoll_data_t(u64: token))
    try system("epoll_ctl") { epoll_ctl(descriptor, EPOLL_CTL_MOD, fd, &event) }
  }

  /// A descriptor that is not there (any more) is no error.
  public func remove(_ fd: CInt) { epoll_ctl(descriptor, EPOLL_CTL_DEL, fd, nil) }

  /// Makes the waiting thread return, now or at its next wait.
  public func wake() {
    var one: UInt64 = 1
    _ = write(wakeup, &one, 8)  // EAGAIN means that it is already awake.
  }

  /// Waits for events, at most `milliseconds` (-1: no limit), and returns how many are in `events`.
  public func wait(_ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt) -> Int {
    let count = epoll_wait(descriptor, events.baseAddress, CInt(events.count), milliseconds)
    return Swift.max(0, Int(count))  // EINTR is a wait that found nothing.
  }

  /// To be called by the waiting thread when it sees `wakeToken`.
  public func acknowledgeWake() {
    var value: UInt64 = 0
    _ = read(wakeup, &value, 8)
  }
}
