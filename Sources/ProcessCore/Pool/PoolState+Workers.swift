import DequeModule
import Glibc
import Linux

/// How many workers there are to be.
extension PoolState {
  /// Starts as many workers as are missing.
  mutating func fill(_ errands: inout PoolErrands) {
    guard isStaffed, !isExec, !isPaused else { return }
    let there = unborn + workers.count { !$0.isRetired && ($0.phase == .starting || $0.phase == .ready) }
    let wanted = target + (replaced == nil ? 0 : 1)
    if there < wanted {
      errands.starts += wanted - there
      errands.round = round
      unborn += wanted - there
    }
  }

  /// Lets go of those that are too many.
  mutating func shrink(_ errands: inout PoolErrands) {
    let there = workers.filter { $0.phase == .ready }
    // The idle first.
    let surplus = there.count - target
    guard surplus > 0 else { return }
    for worker in there.sorted(by: { $0.tasks.count < $1.tasks.count }).prefix(surplus) { leave(worker, &errands) }
  }

  mutating func isReady(_ worker: PoolWorker, _ errands: inout PoolErrands) {
    guard worker.phase == .starting else { return }
    worker.phase = .ready
    failures = 0
    if case .starting = phase, workers.count(where: { $0.phase == .ready }) >= target {
      phase = .running
      hasRun = true
    }
    if replaced !== worker, let old = replaced.take() {
      old.isRetired = true
      leave(old, &errands)
      replaceNext(&errands)
    }
    if isStaffed, !worker.isRetired {
      refill(worker, &errands)
      if workers.count(where: { $0.phase == .ready }) > target { shrink(&errands) }
    } else {
      leave(worker, &errands)
    }
  }

  mutating func replaceNext(_ errands: inout PoolErrands) {
    guard replaced == nil else { return }
    while let worker = outdated.popFirst() {
      guard worker.phase == .ready || worker.phase == .starting else { continue }
      replaced = worker
      break
    }
    fill(&errands)
  }

  /// A start failed: it is tried again a little later, a few times.
  mutating func startFailed(_ error: CoreError, round failed: Int, _ errands: inout PoolErrands) {
    guard isStaffed, failed == round else { return fill(&errands) }
    failures += 1
    round += 1
    if error.isFinal, case .starting = phase {
      errands.stillborn = error
      end(.broken(error), error, &errands)
      return
    }
    if failures >= Self.patience {
      let why = CoreError(breaking: error)
      if case .starting = phase { errands.stillborn = why }
      errands.isBroken = why
      end(.broken(why), why, &errands)
      return
    }
    isPaused = true
    errands.pause = 0.1 * Double(1 << (failures - 1))
  }

  static let patience = 3

  /// All that is outstanding fails and all workers go.
  mutating func end(_ phase: Phase, _ error: CoreError, _ errands: inout PoolErrands) {
    self.phase = phase
    for job in active.values {
      errands.ended.append((job, error))
      drop(job)
    }
    queue = []
    returned = []
    delayed = [:]
    outdated = []
    replaced = nil
    idle = []
    for worker in workers where worker.phase != .stopping {
      worker.phase = .stopping
      for task in worker.tasks { ended(task) }
      errands.stops.append((worker, SIGTERM, 1))
    }
  }

  /// After `close`: when the last job is over the workers go.
  mutating func finish(_ errands: inout PoolErrands) {
    guard case .closed = phase, active.isEmpty else { return }
    for worker in workers where worker.phase == .ready { leave(worker, &errands) }
  }
}
