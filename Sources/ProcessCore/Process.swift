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
  private static let joiners = Lane.each(0)

  init(_ name: Name, _ spec: ProcessSpec, in context: ProcessContext) {
    self.name = name
    self.spec = spec
    self.context = context
    eventsBefore = context.events.lastID
    let alarms = context.alarms
    life = Monitor(Life(), lanes: 1, alarms: alarms)
    let log = OutputLog(
      capacity: context.options.outputCapacity, stdout: spec.stdout == .capture, stderr: spec.stderr == .capture)
    output = Monitor(log, lanes: 1, alarms: alarms)
    input = Monitor(Input(), lanes: 1, alarms: alarms)
  }

  public var snapshot: ProcessSnapshot { life.read { $0.snapshot } }

  /// Waits until the process has ended; Python's `join`. One that was not started is `notRunning`.
  public func join(
    until deadline: Deadline?, orPark completion: () -> Completion<ProcessSnapshot>
  ) throws(CoreError) -> Attempted<ProcessSnapshot> {
    try life.attempt(
      in: Self.joiners, until: deadline,
      { life throws(CoreError) -> ProcessSnapshot? in
        switch life.phase {
        case .created: throw CoreError(.notRunning, "only a started process can be joined")
        case .starting, .running: nil
        case .ended: life.snapshot
        }
      }, orPark: completion)
  }

  /// Waits until a process that is being made runs; fails as its start does.
  public func waitUntilMade(
    orPark completion: () -> Completion<ProcessSnapshot>
  ) throws(CoreError) -> Attempted<ProcessSnapshot> {
    try life.attempt(
      in: Self.joiners, until: nil,
      { life throws(CoreError) -> ProcessSnapshot? in
        switch life.phase {
        case .created, .starting: nil
        case .running, .ended: life.snapshot
        }
      }, orPark: completion)
  }

  /// How many callers wait for it to end.
  public var joinerCount: Int { life.waiters }
}
