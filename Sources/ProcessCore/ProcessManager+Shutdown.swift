import Glibc
import Linux

extension ProcessManager {
  /// Starts nothing new from now on, and ends what runs: `daemon` processes, as Python does at exit, those that a policy would
  /// start again and essential ones at once; the others are waited for, are asked by SIGTERM when a fifth of the grace is left,
  /// and are killed at its end. After the end of an essential process nobody is waited for. Each is asked only when all that
  /// depend on it have ended. `completion` is told when none runs any more.
  public func shutdown(grace: Double, then completion: @escaping @Sendable () -> Void) {
    context.isDraining.store(true, ordering: .releasing)
    let end = Deadline.after(seconds: grace)
    let waitsForNone = essentialEnd != nil
    let running = processes.all.filter { !$0.endIfWaiting() && $0.isUnderWay }
    let pools = commons.pools.registry.all
    let countdown = Countdown(running.count + pools.count + 1, completion)
    for pool in pools {
      // As Python does at exit.
      pool.terminate()
      let waiting = try? pool.join(until: nil) { { _ in countdown.step() } }
      if case .parked = waiting {} else { countdown.step() }
    }
    let order = StopOrder(running) { _, index, height in
      // What is left is for those, too, that this one has kept alive.
      try? running[index].stop(signal: SIGTERM, grace: end.secondsLeft / Double(height)) { _ in }
    }
    for (index, process) in running.enumerated() {
      let patience = waitsForNone || process.spec.isServing ? 0 : grace * 0.8
      process.whenOver {
        order.hasEnded(index)
        countdown.step()
      }
      context.alarms.set(ShutdownAlarm { order.stop(index) }, at: .after(seconds: patience))
    }
    // Whoever still keeps others waiting by then cannot be ended.
    context.alarms.set(ShutdownAlarm { order.stopAll() }, at: end)
    countdown.step()
  }

  /// Ends the threads, after everything that runs has ended. Nothing may be called afterwards.
  public func stop() {
    context.workers.stop()
    context.cgroups.close()
    commons.close()
    signals.end(CoreError(.closed, "the service stops"))
    reactor.stop()
  }
}

extension ProcessSpec {
  /// Whether there is no use in waiting for its end.
  fileprivate var isServing: Bool { isDaemon || restart.map { $0.policy != .no || $0.isEssential } ?? false }
}

extension Process {
  /// Ends it if it waits to be started, and says whether it did.
  fileprivate func endIfWaiting() -> Bool {
    let told = life.change { life in endWaiting(&life) }
    for tell in told ?? [] { tell() }
    return told != nil
  }

  fileprivate var isUnderWay: Bool { life.read { life in life.phase == .starting || life.phase == .running } }

  /// Calls `body` once it has ended for good, or could not be started.
  func whenOver(_ body: @escaping @Sendable () -> Void) {
    let waiting = try? join(until: nil) { { _ in body() } }
    if case .parked = waiting {} else { body() }
  }
}

private final class ShutdownAlarm: Alarm, @unchecked Sendable {
  // Sendable: its only field never changes.
  private let action: @Sendable () -> Void

  init(_ action: @escaping @Sendable () -> Void) { self.action = action }

  override func ring() { action() }
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
