public import Linux

/// A child of the service, from its making to its deletion; Python's `multiprocessing.Process`.
///
/// It is named by a pidfd, never by its number: no signal can reach a stranger that got the number later. Everything may
/// be called from any thread.
public final class Process: Sendable {
  public let name: Name
  public let spec: ProcessSpec
  public let createdAt = WallTime.now
  /// The id of the last event before those of this process.
  public let eventsBefore: UInt64
  /// What somebody made of this process's state, to be made anew only when that has changed.
  public let rendering = Rendering()

  let context: ProcessContext
  let life: Monitor<Life>
  let output: Monitor<OutputLog>
  let input: Monitor<Input>
  private static let joiners = Lane.each(0, .join)
  private static let watchers = Lane.each(0, .wait)
  private static let starters = Lane.each(0, .start)

  /// Told of what happens to it; nothing of one that no client can find.
  let isListed: Bool
  /// What becomes the child's descriptor 3.
  let channel: Mutex<FileDescriptor?>

  /// One that no client can find, of a pool's.
  convenience init(
    _ name: Name, _ spec: ProcessSpec, in context: ProcessContext, channel: consuming FileDescriptor?
  ) {
    self.init(name, spec, in: context, isListed: false, channel)
  }

  convenience init(_ name: Name, _ spec: ProcessSpec, in context: ProcessContext) {
    self.init(name, spec, in: context, isListed: true, nil)
  }

  private init(
    _ name: Name, _ spec: ProcessSpec, in context: ProcessContext, isListed: Bool,
    _ channel: consuming FileDescriptor?
  ) {
    self.isListed = isListed
    self.channel = Mutex(channel)
    self.name = name
    self.spec = spec
    self.context = context
    eventsBefore = context.log.lastID
    let alarms = context.alarms
    life = Monitor(Life(), lanes: 1, alarms: alarms)
    let log = OutputLog(
      capacity: context.options.outputCapacity, stdout: spec.stdout == .capture, stderr: spec.stderr == .capture)
    output = Monitor(log, lanes: 1, alarms: alarms)
    input = Monitor(Input(), lanes: 1, alarms: alarms)
  }

  func publish(_ type: String, _ details: [(name: String, value: EventLog.Value)]) {
    if isListed { context.log.publish(type, name, details) }
  }

  public var snapshot: ProcessSnapshot { life.read { $0.snapshot } }

  /// Waits until the process has ended for good; Python's `join`. One that was not started is `notRunning`; one that waits for
  /// its dependencies, or to be started again, has not ended.
  public func join(
    until deadline: Deadline?, orPark completion: () -> Completion<ProcessSnapshot>
  ) throws(CoreError) -> Attempted<ProcessSnapshot> {
    try life.attempt(
      in: Self.joiners, until: deadline,
      { life throws(CoreError) -> ProcessSnapshot? in
        switch life.phase {
        case .created: throw CoreError(.notRunning, "only a started process can be joined")
        case .waiting, .starting, .running, .backoff: nil
        case .ended: life.snapshot
        }
      }, orPark: completion)
  }

  /// Waits until a process that is being made runs; fails as its start does.
  public func waitUntilMade(
    orPark completion: () -> Completion<ProcessSnapshot>
  ) throws(CoreError) -> Attempted<ProcessSnapshot> {
    try life.attempt(
      in: Self.starters, until: nil,
      { life throws(CoreError) -> ProcessSnapshot? in
        switch life.phase {
        case .created, .starting: nil
        case .waiting, .running, .backoff, .ended: life.snapshot
        }
      }, orPark: completion)
  }

  /// Calls `body` once it is not just being started.
  func whenStarted(_ body: @escaping @Sendable () -> Void) {
    let attempted = try? life.attempt(
      in: Self.starters, until: nil, { life throws(CoreError) in life.phase == .starting ? nil : () },
      orPark: { { _ in body() } })
    if case .parked = attempted {} else { body() }
  }

  /// Waits until it has ended, be it started already or not.
  public func whenReady(
    for session: Session?, until deadline: Deadline?, orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try life.attempt(
      in: Self.watchers, until: deadline, for: session,
      { life throws(CoreError) in life.phase == .ended ? () : nil }, orPark: completion)
  }

  /// Those who wait for its end, its output, or room in its stdin.
  public var waiting: [Waiting] { life.waiting + output.waiting + input.waiting }

  /// The processes that it waits for before it is started.
  public var waitingFor: [Name] {
    guard life.read({ $0.phase == .waiting }) else { return [] }
    return context.dependencies.look(at: spec).unmet
  }

  /// How many callers wait for it to end.
  public var joinerCount: Int { life.waiters }
}
