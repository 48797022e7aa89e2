import Linux

/// A bound on how many of something there may be in all, so that no client can fill the service's memory.
final class Quota: Sendable {
  private let used = Atomic(0)
  private let limit: Int
  private let what: String

  init(_ limit: Int, _ what: String) {
    self.limit = limit
    self.what = what
  }

  func take() throws(CoreError) {
    guard used.add(1, ordering: .relaxed).newValue <= limit else {
      giveBack()
      throw CoreError(.quota, "there are \(limit) \(what) already")
    }
  }

  func giveBack() { used.subtract(1, ordering: .relaxed) }
}
