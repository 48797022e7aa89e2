public import Linux

/// Something that `select()` can wait for.
public protocol Selectable: AnyObject, Sendable {
  /// Waits until an operation on it would not have to wait, and takes nothing.
  func whenReady(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void>
}

extension Process: Selectable {}
extension Semaphore: Selectable {}
extension Lock: Selectable {}
extension Queue: Selectable {}
extension Event: Selectable {}
extension Job: Selectable {}

/// Waits for several things at once: Python's `multiprocessing.connection.wait`, for any of them or for all.
///
/// What is ready may be taken by somebody else before the caller comes for it, as with `select(2)`. What is deleted or closed
/// counts as ready, since an operation on it answers at once.
public struct Selection: Sendable {
  let targets: [any Selectable]
  let isForAll: Bool
  let session: Session?

  public init(_ targets: [any Selectable], all: Bool, for session: Session?) {
    self.targets = targets
    isForAll = all
    self.session = session
  }

  /// Answers with the indices of all that are ready, in order. Any of nothing is refused: it would never answer.
  public func wait(
    until deadline: Deadline?, orPark completion: () -> Completion<[Int]>
  ) throws(CoreError) -> Attempted<[Int]> {
    try session?.check()
    if targets.isEmpty, !isForAll { throw CoreError(.invalid(pointer: "/any"), "must name something to wait for") }
    if let ready = settled { return .done(ready) }
    if let deadline, deadline <= .now { return .timedOut }
    let wait = SelectionWait(self, deadline, completion())
    wait.begin()
    return .parked(Ticket(wait))
  }

  /// What is ready now, when that is enough.
  fileprivate var settled: [Int]? {
    let ready = targets.indices.filter(isReady)
    return ready.count >= (isForAll ? targets.count : 1) ? ready : nil
  }

  fileprivate func isReady(_ index: Int) -> Bool {
    do throws(CoreError) {
      if case .done = try targets[index].whenReady(for: nil, until: .now, orPark: { { _ in } }) { return true }
      return false
    } catch {
      return true
    }
  }
}

/// A selection that waits. For any, it is parked at every target; for all, at the first that is not ready, and looks at all
/// of them again when that is.
private final class SelectionWait: Parked {
  private struct State {
    var completion: Completion<[Int]>?
    /// For each place where it is parked: how often it was, and the ticket of the last time.
    var places: [(round: Int, ticket: Ticket?)]
  }

  private let selection: Selection
  private let deadline: Deadline?
  private let state: Mutex<State>

  init(_ selection: Selection, _ deadline: Deadline?, _ completion: @escaping Completion<[Int]>) {
    self.selection = selection
    self.deadline = deadline
    let places = selection.isForAll ? 1 : selection.targets.count
    state = Mutex(State(completion: completion, places: Array(repeating: (0, nil), count: places)))
  }

  func begin() {
    if selection.isForAll { return goOn(at: 0) }
    for place in selection.targets.indices { park(at: place, place) }
  }

  func hangUp() -> Bool { finish(.hungUp) }

  func fail(_ error: CoreError) { _ = finish(.failed(error)) }

  /// Something happened at a place: it is enough, or it waits on.
  private func goOn(at place: Int) {
    if let ready = selection.settled {
      _ = finish(.value(ready))
    } else if selection.isForAll {
      guard let next = selection.targets.indices.first(where: { !selection.isReady($0) }) else {
        return goOn(at: place)  // It became ready between the two looks.
      }
      park(at: place, next)
    } else {
      park(at: place, place)
    }
  }

  private func park(at place: Int, _ target: Int) {
    let round = state.withLock { state -> Int? in
      state.places[place].round += 1
      return state.completion == nil ? nil : state.places[place].round
    }
    guard let round else { return }
    do throws(CoreError) {
      let attempted = try selection.targets[target].whenReady(for: selection.session, until: deadline) {
        { outcome in self.told(outcome, at: place) }
      }
      switch attempted {
      case .done: goOn(at: place)
      case .timedOut: _ = finish(.timedOut)
      case .parked(let ticket): keep(ticket, at: place, round)
      }
    } catch {
      told(.failed(error), at: place)
    }
  }

  private func told(_ outcome: Outcome<Void>, at place: Int) {
    switch outcome {
    case .failed(let error) where error.kind == .sessionEnded: _ = finish(.failed(error))
    case .value, .failed: goOn(at: place)
    case .timedOut: _ = finish(.timedOut)
    case .hungUp: break
    }
  }

  /// By now it may have been told already, and be parked there anew, or all may be over.
  private func keep(_ ticket: Ticket, at place: Int, _ round: Int) {
    let isOver = state.withLock { state in
      if state.places[place].round == round { state.places[place].ticket = ticket }
      return state.completion == nil
    }
    if isOver { ticket.hangUp() }
  }

  private func finish(_ outcome: Outcome<[Int]>) -> Bool {
    let (completion, tickets) = state.withLock { state in
      let completion = state.completion.take()
      defer { for place in state.places.indices { state.places[place].ticket = nil } }
      return (completion, state.places.compactMap(\.ticket))
    }
    guard let completion else { return false }
    for ticket in tickets { ticket.hangUp() }
    completion(outcome)
    return true
  }
}
