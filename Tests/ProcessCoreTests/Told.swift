import Glibc
import Linux

/// Collects what completions are told, from any thread, and lets a test wait for it.
final class Told<T: Sendable>: Sendable {
  private let values = Mutex<[T]>([])

  func tell(_ value: T) { values.withLock { $0.append(value) } }

  var all: [T] { values.withLock { $0 } }

  /// Waits until `count` were told; false when that takes longer than `seconds`.
  func reached(_ count: Int, within seconds: Double = 10) -> Bool {
    eventually(within: seconds) { all.count >= count }
  }
}

/// Waits for `condition` with a deadline. It yields rather than sleeps, so that a test goes on as soon as it may.
func eventually(within seconds: Double = 10, _ condition: () -> Bool) -> Bool {
  let deadline = Deadline.after(seconds: seconds)
  while !condition() {
    guard deadline > .now else { return condition() }
    sched_yield()
  }
  return true
}

/// What this thread has computed, for limits that say how work grows, whatever else the machine does.
func secondsOfThisThread() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
