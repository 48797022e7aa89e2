import Glibc
import Logging

/// The signals that reach the daemon itself. They are blocked before any other thread begins, so that only this one takes
/// them.
struct DaemonSignals {
  private let ends: sigset_t

  init() {
    // An inherited SIG_IGN of SIGCHLD would lose every exit status; a reader that goes away must not end us.
    signal(SIGCHLD, SIG_DFL)
    signal(SIGPIPE, SIG_IGN)
    var blocked = sigset_t()
    sigemptyset(&blocked)
    for number in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD] { sigaddset(&blocked, number) }
    pthread_sigmask(SIG_BLOCK, &blocked, nil)
    sigdelset(&blocked, SIGCHLD)
    ends = blocked
  }

  /// Returns when the service is to end. A hang-up of the terminal ends nothing.
  func waitForEnd(_ log: Logger) {
    var ends = ends
    while true {
      var number: CInt = 0
      guard sigwait(&ends, &number) == 0 else { continue }
      if number == SIGHUP { continue }
      log.notice("stopping", metadata: ["signal": "\(number)"])
      return
    }
  }
}
