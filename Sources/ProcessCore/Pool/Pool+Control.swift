public import Linux

extension Pool {
  /// No new tasks; what is queued is done, then the workers exit.
  public func close() {
    let isNew = decide { state, errands -> Bool in
      switch state.phase {
      case .starting, .running: break
      case .closed, .terminated, .broken: return false
      }
      state.phase = .closed
      state.finish(&errands)
      return true
    }
    if isNew { context.log.publish("pool.closed", name) }
  }

  /// Ends what is queued and what runs with `Cancelled`, and the workers by SIGTERM, a second later by SIGKILL.
  public func terminate() {
    let isNew = decide { state, errands -> Bool in
      if case .terminated = state.phase { return false }
      state.end(.terminated, CoreError(.cancelled, "the pool was terminated"), &errands)
      errands.runsToStop += state.runs.values
      return true
    }
    if isNew { context.log.publish("pool.terminated", name) }
  }

  /// Waits until all workers have ended; `stillRunning` before `close` or `terminate`.
  public func join(
    until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try monitor.attempt(
      in: Self.joiners, until: deadline,
      { state throws(CoreError) -> Void? in
        switch state.phase {
        case .starting, .running: throw CoreError(.stillRunning, "the pool is still running")
        case .closed: return state.active.isEmpty && state.isOver ? () : nil
        case .terminated, .broken: return state.isOver ? () : nil
        }
      }, orPark: completion)
  }

  /// Makes it so many workers; those that are too many finish what they have.
  public func resize(_ processes: Int) throws(CoreError) {
    guard processes <= limits.workers else {
      throw CoreError(.invalid(pointer: "/processes"), "must be at most \(limits.workers)")
    }
    try decide { state, errands throws(CoreError) in
      try state.checkRunning()
      state.target = processes
      state.fill(&errands)
      state.shrink(&errands)
      state.dispatch(&errands)
    }
    context.log.publish("pool.resized", name, [("processes", .integer(processes))])
  }

  /// Replaces a worker, or all one after the other; each goes when its replacement is ready and its tasks are done. Waits
  /// until that has begun for the last of them.
  public func restart(
    _ worker: String? = nil, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try decide { state, errands throws(CoreError) in
      try state.checkRunning()
      let chosen = state.workers.filter { worker == nil || $0.name.text == worker }
      if worker != nil, chosen.isEmpty { throw CoreError(.notFound, "the pool has no such worker") }
      state.outdated.append(contentsOf: chosen)
      state.replaceNext(&errands)
    }
    return try monitor.attempt(
      in: Self.restarters, until: deadline,
      { state throws(CoreError) in
        guard state.isStaffed else { throw CoreError(.notRunning, "the pool is not running") }
        return state.replaced == nil && state.outdated.isEmpty ? () : nil
      }, orPark: completion)
  }

  public var snapshot: PoolSnapshot {
    monitor.read { state in
      let phase: State =
        switch state.phase {
        case .starting: .starting
        case .running: .running
        case .closed: .closed
        case .terminated: .terminated
        case .broken: .broken
        }
      var error: CoreError?
      if case .broken(let why) = state.phase { error = why }
      return PoolSnapshot(
        state: phase, processes: state.target, isJoined: state.isOver, queued: state.queuedTasks, done: state.done,
        lost: state.lost, jobs: state.jobs.count, error: error)
    }
  }

  public var workers: [WorkerSnapshot] {
    monitor.read { state in state.workers.map(\.snapshot) + state.runs.values.map(\.snapshot) }
  }
}

/// Counts over all pools, those that are deleted included.
public final class PoolCounts: Sendable {
  private let doneTasks = Atomic(0)
  private let lostTasks = Atomic(0)

  init() {}

  /// Tasks that have an outcome, and those of them that were lost with their worker.
  public var done: Int { doneTasks.load(ordering: .relaxed) }
  public var lost: Int { lostTasks.load(ordering: .relaxed) }

  func addDone() { doneTasks.add(1, ordering: .relaxed) }
  func addLost() { lostTasks.add(1, ordering: .relaxed) }
}

/// A pool as it was at one moment.
public struct PoolSnapshot: Sendable {
  public let state: Pool.State
  public let processes: Int
  /// Whether no worker is left.
  public let isJoined: Bool
  /// Tasks that no worker has yet.
  public let queued: Int
  /// Tasks that have an outcome, and those of them that were lost with their worker.
  public let done: Int
  public let lost: Int
  public let jobs: Int
  /// What broke it.
  public let error: CoreError?
}
