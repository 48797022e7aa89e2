import CLinux
import Glibc
import Linux
import Logging
import ProcessAPI
import ProcessCore

/// The signals that reach the daemon itself. They are blocked before any other thread begins, so that only this one takes
/// them.
struct DaemonSignals {
  private let handled: sigset_t

  init() {
    // An inherited SIG_IGN of SIGCHLD would lose every exit status; a reader that goes away, and a file beyond our limit,
    // must not end us.
    signal(SIGCHLD, SIG_DFL)
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    // A fault in shared memory is survived by its handler, unless it is blocked.
    var open = sigset_t()
    sigemptyset(&open)
    sigaddset(&open, SIGBUS)
    pthread_sigmask(SIG_UNBLOCK, &open, nil)
    var handled = sigset_t()
    sigemptyset(&handled)
    for signal in SignalHandlers.handled where !Self.left.contains(signal.number) { sigaddset(&handled, signal.number) }
    var blocked = handled
    sigaddset(&blocked, SIGCHLD)
    pthread_sigmask(SIG_BLOCK, &blocked, nil)
    self.handled = handled
  }

  /// A shell's job control stops and continues us as it does everybody else.
  private static let left: Set<CInt> = [SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGPROF, SIGVTALRM]

  /// Has each signal acted on as its handler says. Returns when one of them ends the service.
  func serve(_ manager: ProcessManager, grace: Double, _ log: Logger) {
    var handled = handled
    while true {
      var pid: pid_t = 0
      var uid: uid_t = 0
      let number = clinux_wait_signal(&handled, &pid, &uid)
      guard number > 0 else { continue }
      // Whatever woke us: no handler keeps the service from ending with its essential process.
      if let end = manager.essentialEnd {
        log.notice("stopping", metadata: ["process": "\(end.process)", "code": "\(end.code)"])
        return
      }
      log.info(
        "signal", metadata: ["signal": "\(signalName(number))", "pid": "\(pid)", "uid": "\(uid)"])
      let came = ReceivedSignal(number: number, pid: pid, uid: uid)
      let action = manager.signals.receive(came)
      switch action {
      case .default, .ignore: continue
      case .queue(let name):
        if !manager.put(came.message, intoQueue: name) {
          log.warning("signal lost", metadata: ["signal": "\(signalName(number))", "queue": "\(name)"])
        }
      case .drain:
        log.notice("stopping", metadata: ["signal": "\(signalName(number))"])
        return
      case .stop(let selector):
        manager.stop(selector, signal: SIGTERM, grace: grace)
      case .forward(let selector, let other, let target):
        manager.signal(other ?? number, to: selector, target: target) { _ in }
      }
    }
  }
}
