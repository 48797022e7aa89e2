import Linux

/// Messages that were taken and may not have arrived yet.
///
/// Whoever hands them on holds this until they did. If they did not, `putBack` makes them the next to be had again; without
/// it they are gone when this is let go. They count in the limits of what they were taken from until then.
public final class Delivery: Sendable {
  public let first: Message
  public let others: [Message]
  /// Whether they were asked for as lines and each is one.
  public let areLines: Bool
  private let source: any Deliverer
  private let isOver = Atomic(false)

  /// Under the source's lock.
  init(_ first: Message, _ others: [Message] = [], areLines: Bool = false, of source: any Deliverer) {
    self.first = first
    self.others = others
    self.areLines = areLines
    self.source = source
  }

  deinit { if !isOver.load(ordering: .relaxed) { source.arrived(cost) } }

  /// Puts them where they were, each with one delivery more. Only the first call counts.
  public func putBack() {
    if !isOver.exchange(true, ordering: .relaxed) { source.putBack(self) }
  }

  var cost: Int { others.reduce(first.cost) { $0 + $1.cost } }
}

/// What messages are taken from, and go back to when they do not arrive.
protocol Deliverer: AnyObject, Sendable {
  /// A delivery of that cost is over.
  func arrived(_ cost: Int)
  func putBack(_ delivery: Delivery)
}

extension Queue: Deliverer {
  func arrived(_ cost: Int) {
    monitor.change { $0.underway -= 1 }
    quota.giveBack(cost)
  }

  func putBack(_ delivery: Delivery) {
    let isKept = monitor.change { state in
      state.underway -= 1
      if state.isEnded { return false }
      for message in delivery.others.reversed() { state.putBack(message) }
      state.putBack(delivery.first)
      return true
    }
    if !isKept { quota.giveBack(delivery.cost) }
  }
}
