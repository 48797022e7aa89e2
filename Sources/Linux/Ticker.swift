import CLinux
import Glibc

/// A descriptor that an epoll instance sees readable at every tick, while it runs. Used by one thread.
///
/// An `epoll_wait` with a timeout sets and cancels a timer of the kernel's each time that it sleeps; this is set once.
public final class Ticker {
  public let descriptor: CInt
  private let interval: timespec
  private var isRunning = false

  public init(milliseconds: Int) throws(SystemError) {
    interval = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
    descriptor = try system("timerfd_create") {
      timerfd_create(CLOCK_MONOTONIC, CInt(TFD_CLOEXEC | TFD_NONBLOCK))
    }
  }

  deinit { close(descriptor) }

  /// The first tick after a start comes when the interval has passed.
  public func set(running isToRun: Bool) {
    guard isToRun != isRunning else { return }
    isRunning = isToRun
    let step = isToRun ? interval : timespec()
    var setting = itimerspec(it_interval: step, it_value: step)
    timerfd_settime(descriptor, 0, &setting, nil)
  }

  /// To be called when the descriptor is readable.
  public func acknowledge() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
  }
}
