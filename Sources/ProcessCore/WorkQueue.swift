import CLinux
import DequeModule
import Glibc
import Linux

/// Jobs that may block (start a child, walk /proc), done in order by a few threads that live as long as the service.
///
/// They never end before it does, because a child's PR_SET_PDEATHSIG fires when the thread that started it ends.
final class WorkQueue<Worker: Sendable>: Sendable {
  typealias Job = @Sendable (Worker) -> Void

  private struct State {
    var jobs: Deque<Job> = []
    var threads: [Thread] = []
  }

  private let state = Mutex(State())
  /// Counts the jobs; a thread that reads it waits until there is one.
  private let available: CInt

  /// One thread for each of `workers`, which no other thread uses.
  init(name: String, workers: [Worker]) throws(SystemError) {
    available = try system("eventfd") { eventfd(0, CInt(EFD_CLOEXEC | EFD_SEMAPHORE)) }
    for (index, worker) in workers.enumerated() {
      let thread = try Thread("\(name)-\(index + 1)") { self.run(worker) }
      state.withLock { $0.threads.append(thread) }
    }
  }

  func submit(_ job: @escaping Job) {
    state.withLock { $0.jobs.append(job) }
    post(1)
  }

  deinit { close(available) }

  /// Lets the jobs that were submitted finish, then ends the threads.
  func stop() {
    let threads = state.withLock { state in
      defer { state.threads = [] }
      return state.threads
    }
    post(UInt64(threads.count))
    for thread in threads { thread.join() }
  }

  private func post(_ count: UInt64) {
    var count = count
    _ = write(available, &count, 8)
  }

  private func run(_ worker: Worker) {
    while true {
      var one: UInt64 = 0
      guard read(available, &one, 8) == 8 else { continue }
      // A count without a job is the order to stop.
      guard let job = state.withLock({ $0.jobs.popFirst() }) else { return }
      job(worker)
    }
  }
}
