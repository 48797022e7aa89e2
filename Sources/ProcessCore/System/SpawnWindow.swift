import Linux

/// The spawns of this process that are under way. Until its program runs, a child has every descriptor that we had when it
/// was made, also those that were for another: what that one wrote to has no end before.
enum SpawnWindow {
  private struct State {
    var next: UInt64 = 0
    var open: Set<UInt64> = []
  }

  private static let state = Mutex(State())

  /// Does what makes a child and returns when its program runs.
  static func hold<Result>(_ body: () -> Result) -> Result {
    let number = state.withLock { state in
      state.next += 1
      state.open.insert(state.next)
      return state.next
    }
    defer { state.withLock { _ = $0.open.remove(number) } }
    return body()
  }

  /// Those that are under way now; their numbers are never used again.
  static var open: Set<UInt64> { state.withLock { $0.open } }
}
