import DequeModule
import Linux

/// A process of a pool's and the channel to it.
final class PoolWorker: @unchecked Sendable {
  // Sendable: what changes is touched under the pool's lock alone.
  enum Phase {
    case starting, ready
    /// It was told to exit when it is done with what it has.
    case leaving
    /// It is being ended.
    case stopping
    case ended
  }

  let name: Name
  let process: Process
  let channel: WorkerChannel
  /// Which round of starts it belongs to.
  let round: Int

  var phase = Phase.starting
  /// What it was given and has not answered, in order; the first is the one that it is in.
  var tasks: Deque<PoolTask> = []
  /// How many tasks it was given, and how many it has answered.
  var given = 0
  var done = 0
  let madeAt = Deadline.now
  /// It has been replaced: when its initializer is done it may go.
  var isRetired = false
  /// What its initializer raised.
  var failure: CoreError?
  /// It said what the protocol does not know.
  var hasBreached = false

  init(_ name: Name, _ process: Process, _ channel: WorkerChannel, round: Int) {
    self.name = name
    self.process = process
    self.channel = channel
    self.round = round
  }
}

/// A worker as clients see it.
public struct WorkerSnapshot: Sendable {
  public enum State: String, CaseIterable, Sendable {
    case starting, idle, busy, leaving, stopping
  }

  public let name: Name
  public let process: Process
  public let pid: CInt?
  public let state: State
  /// Tasks that it has answered.
  public let tasks: Int
  /// The job that it works on, as far as it is listed, and for how many seconds.
  public let job: Int?
  public let seconds: Double?
}

extension PoolWorker {
  var snapshot: WorkerSnapshot {
    let state: WorkerSnapshot.State =
      switch phase {
      case .starting: .starting
      case .ready: tasks.isEmpty ? .idle : .busy
      case .leaving: .leaving
      case .stopping, .ended: .stopping
      }
    return WorkerSnapshot(
      name: name, process: process, pid: process.snapshot.pid, state: state, tasks: done, job: tasks.first?.job.id,
      seconds: tasks.first?.begunAt.map { Double(Deadline.now.nanoseconds - $0.nanoseconds) / 1e9 })
  }
}
