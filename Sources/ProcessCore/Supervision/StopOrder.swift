import Linux

/// Stops several processes, each only when all of them that depend on it have ended.
final class StopOrder: Sendable {
  private struct Place {
    /// Those of them that have not ended.
    var dependents = 0
    var isDue = false
    var isStopped = false
    var hasEnded = false
  }

  /// For each process, the places of those that it depends on.
  private let dependencies: [[Int]]
  /// How many processes long the longest way down from each is, itself included.
  private let heights: [Int]
  private let places: Mutex<[Place]>
  private let act: @Sendable (_ order: StopOrder, _ index: Int, _ height: Int) -> Void

  /// `act` is called once for each that is stopped.
  init(
    _ processes: [Process], _ act: @escaping @Sendable (_ order: StopOrder, _ index: Int, _ height: Int) -> Void
  ) {
    self.act = act
    let index = Dictionary(processes.enumerated().map { ($1.name, $0) }) { first, _ in first }
    let dependencies = processes.map { process in Set(process.spec.dependencies.compactMap { index[$0.process] }) }
    self.dependencies = dependencies.map { $0.sorted() }
    heights = Self.heights(self.dependencies)
    var places = [Place](repeating: Place(), count: processes.count)
    for place in dependencies.joined() { places[place].dependents += 1 }
    self.places = Mutex(places)
  }

  private static func heights(_ dependencies: [[Int]]) -> [Int] {
    var heights = [Int](repeating: 0, count: dependencies.count)
    func height(_ index: Int) -> Int {
      // There are no cycles: no process is made that would be part of one.
      if heights[index] == 0 { heights[index] = 1 + (dependencies[index].map(height).max() ?? 0) }
      return heights[index]
    }
    return dependencies.indices.map(height)
  }

  /// The process at `index` is to be stopped, as soon as nothing depends on it.
  func stop(_ index: Int) {
    stopDue { places in places[index].isDue = true }
  }

  /// Whatever depends on them.
  func stopAll() {
    stopDue { places in
      for index in places.indices {
        places[index].isDue = true
        places[index].dependents = 0
      }
    }
  }

  func hasEnded(_ index: Int) {
    stopDue { places in
      guard !places[index].hasEnded else { return }
      places[index].hasEnded = true
      for place in dependencies[index] { places[place].dependents -= 1 }
    }
  }

  private func stopDue(after change: (inout [Place]) -> Void) {
    let due = places.withLock { places in
      change(&places)
      let due = places.indices.filter { index in
        let place = places[index]
        return place.isDue && place.dependents <= 0 && !place.isStopped && !place.hasEnded
      }
      for index in due { places[index].isStopped = true }
      return due
    }
    for index in due { act(self, index, heights[index]) }
  }
}
