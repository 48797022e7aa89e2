import Glibc
import Linux

extension ProcessManager {
  /// Starts nothing new from now on, and ends what runs: `daemon` processes at once, as Python does at exit; the others are
  /// waited for, are asked by SIGTERM when a fifth of the grace is left, and are killed at its end. `completion` is told
  /// when none runs any more.
  public func shutdown(grace: Double, then completion: @escaping @Sendable () -> Void) {
    context.isDraining.store(true, ordering: .releasing)
    let running = processes.all.filter { process in
      process.life.read { life in life.phase == .starting || life.phase == .running }
    }
    let countdown = Countdown(running.count + 1, completion)
    for process in running {
      let waiting = try? process.join(until: nil) { { _ in countdown.step() } }
      if case .parked = waiting {} else { countdown.step() }
      let patience = process.spec.isDaemon ? 0 : grace * 0.8
      let alarm = ShutdownAlarm(process, grace: grace - patience)
      context.alarms.set(alarm, at: .after(seconds: patience))
    }
    countdown.step()
  }

  /// Ends the threads, after everything that runs has ended. Nothing may be called afterwards.
  public func stop() {
    context.workers.stop()
    reactor.stop()
  }
}

/// Ends one process when the shutdown's patience with it is over.
private final class ShutdownAlarm: Alarm, @unchecked Sendable {
  // Sendable: its fields never change.
  private let process: Process
  private let grace: Double

  init(_ process: Process, grace: Double) {
    self.process = process
    self.grace = grace
  }

  override func ring() {
    // It may end in this very moment, and then all is well.
    try? process.stop(signal: SIGTERM, grace: grace) { _ in }
  }
}

private final class Countdown: Sendable {
  private let left: Atomic<Int>
  private let completion: @Sendable () -> Void

  init(_ count: Int, _ completion: @escaping @Sendable () -> Void) {
    left = Atomic(count)
    self.completion = completion
  }

  func step() {
    if left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { completion() }
  }
}
