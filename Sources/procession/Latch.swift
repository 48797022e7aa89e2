import CLinux
import Glibc
import Linux

/// Opened once, by any thread; another waits for it.
final class Latch: Sendable {
  private let fd: CInt

  init() throws(SystemError) { fd = try system("eventfd") { eventfd(0, CInt(EFD_CLOEXEC)) } }

  deinit { close(fd) }

  func open() {
    var one: UInt64 = 1
    _ = write(fd, &one, 8)
  }

  /// False when it was not opened in time.
  func wait(seconds: Double) -> Bool {
    let deadline = Deadline.after(seconds: seconds)
    while true {
      var opened = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      let left = CInt(min((deadline.secondsLeft * 1000).rounded(.up), 1e9))
      let count = poll(&opened, 1, left)
      if count == 1 { return true }
      if count == 0, left == 0 { return false }
    }
  }
}
