import Linux

extension Barrier {
  /// One round of a barrier, from its first arrival until all go on, or it breaks.
  final class Round: @unchecked Sendable {
    // Sendable: it is touched only under the lock of the barrier's monitor.
    enum Phase {
      case open, passed, broken
    }

    private(set) var phase = Phase.open
    private(set) var leader: Session?
    private(set) var ledSince: WallTime?
    private(set) var arrived = 0
    /// The indices of those who arrived and went again, the lowest last: they are given anew.
    private var free: [Int] = []

    /// How many wait in it.
    var waiting: Int { leader == nil ? arrived : arrived - 1 }

    /// Its index: 0 for the first to arrive.
    func add() -> Int {
      defer { arrived += 1 }
      return free.popLast() ?? arrived
    }

    func remove(_ index: Int) {
      guard phase == .open else { return }
      arrived -= 1
      free.insert(index, at: free.firstIndex { $0 < index } ?? free.count)
    }

    func lead(_ session: Session?) {
      leader = session
      ledSince = .now
    }

    func finish(_ phase: Phase) {
      self.phase = phase
      leader = nil
    }
  }

  /// One who waits: in which round, once it has arrived in one.
  final class Arrival: @unchecked Sendable {
    // Sendable: it is touched only under the lock of the barrier's monitor.
    var round: Round?
    var index = 0
  }
}
