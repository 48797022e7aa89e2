import Linux

/// Something that wants to be told when a moment has come.
public class Alarm: @unchecked Sendable {
  // Sendable: the two fields are touched only under the lock of the `Alarms` that the alarm is set in.
  fileprivate var deadline = Deadline.distantFuture
  fileprivate var position = -1

  public init() {}

  /// Called once per setting, on the thread that drives the alarms, under no lock.
  func ring() {}
}

/// All deadlines of the service in one heap, so that they need one timer.
///
/// The heap knows each alarm's place in it, because most alarms are called off long before they are due and must not stay
/// until then: a heap without removal would keep every finished wait alive for the length of its timeout.
public final class Alarms: Sendable {
  private struct State {
    var heap: [Alarm] = []
    var earlier: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  public init() {}

  /// `notify` is called, on the thread that set it, when an alarm becomes the earliest one.
  func onEarlier(_ notify: @escaping @Sendable () -> Void) { state.withLock { $0.earlier = notify } }

  /// Rings `alarm` at `deadline`, in place of an earlier setting.
  func set(_ alarm: Alarm, at deadline: Deadline) {
    let notify = state.withLock { state -> (@Sendable () -> Void)? in
      if alarm.position >= 0 { state.heap.remove(alarm) }
      alarm.deadline = deadline
      state.heap.insert(alarm)
      return alarm.position == 0 ? state.earlier : nil
    }
    notify?()
  }

  /// Calls the alarm off. One that is ringing at this moment may still ring.
  func unset(_ alarm: Alarm) {
    state.withLock { state in
      if alarm.position >= 0 { state.heap.remove(alarm) }
    }
  }

  /// Whether it is yet to ring.
  func isSet(_ alarm: Alarm) -> Bool { state.withLock { _ in alarm.position >= 0 } }

  /// Seconds until the alarm rings, 0 when it is not set.
  func secondsLeft(_ alarm: Alarm) -> Double {
    state.withLock { _ in alarm.position >= 0 ? alarm.deadline.secondsLeft : 0 }
  }

  /// As `secondsLeft`; nil when it is not set.
  func timeLeft(_ alarm: Alarm) -> Double? {
    state.withLock { _ in alarm.position >= 0 ? alarm.deadline.secondsLeft : nil }
  }

  /// Rings what is due, and returns the deadline of the next.
  func ringDue(at now: Deadline) -> Deadline? {
    while true {
      let (due, next) = state.withLock { state -> (Alarm?, Deadline?) in
        guard let first = state.heap.first else { return (nil, nil) }
        guard first.deadline <= now else { return (nil, first.deadline) }
        state.heap.remove(first)
        return (first, nil)
      }
      guard let due else { return next }
      due.ring()
    }
  }

  /// Calls all alarms off: nobody will ring them any more.
  func unsetAll() {
    let forgotten = state.withLock { state -> [Alarm] in
      defer { state.heap = [] }
      for alarm in state.heap { alarm.position = -1 }
      return state.heap
    }
    _ = forgotten  // Let go outside the lock.
  }

  var count: Int { state.withLock { $0.heap.count } }
}

/// A binary heap whose elements know their index.
extension [Alarm] {
  fileprivate mutating func insert(_ alarm: Alarm) {
    alarm.position = count
    append(alarm)
    siftUp(count - 1)
  }

  fileprivate mutating func remove(_ alarm: Alarm) {
    let index = alarm.position
    let last = removeLast()
    alarm.position = -1
    guard last !== alarm else { return }
    self[index] = last
    last.position = index
    siftUp(index)
    siftDown(last.position)
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0, self[index].deadline < self[(index - 1) / 2].deadline {
      exchange(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < count && self[child].deadline < self[least].deadline {
        least = child
      }
      guard least != index else { return }
      exchange(index, least)
      index = least
    }
  }

  private mutating func exchange(_ a: Int, _ b: Int) {
    swapAt(a, b)
    self[a].position = a
    self[b].position = b
  }
}
