public import Linux

/// The processes of a service and the classes that they are made from.
///
/// One reactor thread watches them all, two threads start them. Everything may be called from any thread.
public final class ProcessManager: Sendable {
  public let events: EventLog
  public let processes = Registry<Process>(kind: "Process", reserved: ["current"])
  public let classes = Registry<ProcessClass>(kind: "Class")
  public let reactor: Reactor
  let context: ProcessContext

  public init(_ options: ProcessOptions, reactor: Reactor, events: EventLog) throws(SystemError) {
    self.reactor = reactor
    self.events = events
    context = try ProcessContext(options, reactor: reactor, events: events)
    if options.adoptsOrphans { try context.adoptOrphans() }
  }

  /// The process with a name. Compiled here, where the registry's generic look-up is known to be of processes.
  public func process(_ name: UnsafeRawBufferPointer) -> Process? { processes.find(name) }

  /// Makes a process and does not start it. Without a name it is the next of `Process-1`, `Process-2`…
  public func create(_ name: Name?, _ template: ProcessTemplate) throws(CoreError) -> Process {
    let process = try reserve(name, template)
    publish(process)
    return process
  }

  /// Makes a process and starts it. When it cannot be started nothing of it is left, and nobody has seen it.
  public func run(
    _ name: Name?, _ template: ProcessTemplate,
    then completion: @escaping @Sendable (Result<Process, CoreError>) -> Void
  ) throws(CoreError) {
    let process = try reserve(name, template)
    do throws(CoreError) {
      try process.start(whenRunning: { self.publish(process) }) { result in
        if case .failure(let error) = result {
          self.processes.withdraw(process.name)
          process.life.end(error)  // For those who wanted the same process meanwhile.
        }
        completion(result.map { _ in process })
      }
    } catch {
      processes.withdraw(process.name)
      process.life.end(error)
      throw error
    }
  }

  /// Forgets a process; Python's `close`. One that runs is `stillRunning`.
  public func delete(_ process: Process) throws(CoreError) {
    try process.life.change { life throws(CoreError) in
      switch life.phase {
      case .created, .ended: life.phase = .ended  // It cannot be started any more.
      case .starting, .running:
        throw CoreError(.stillRunning, "the process still runs; it can be deleted when it has ended")
      }
    }
    guard processes.remove(process.name) != nil else { throw CoreError(.notFound, "the process was deleted") }
    process.output.end(CoreError(.closed, "the process was deleted"))
    events.publish("process.deleted", process.name)
  }

  /// How many processes are starting or running.
  public var runningCount: Int { context.running.load(ordering: .relaxed) }

  /// Whether it starts nothing new any more.
  public var isDraining: Bool { context.isDraining.load(ordering: .relaxed) }

  private func reserve(_ name: Name?, _ template: ProcessTemplate) throws(CoreError) -> Process {
    if context.isDraining.load(ordering: .acquiring) { throw CoreError(.draining, "the service is stopping") }
    let spec = try resolve(template)
    try context.checkAllowed(spec.command)
    guard processes.count < context.options.maxProcesses else {
      throw CoreError(
        .quota, "there are \(context.options.maxProcesses) processes already; delete some that have ended")
    }
    let process = Process(try processes.reserve(name), spec, in: context)
    processes.propose(process, as: process.name)
    return process
  }

  private func publish(_ process: Process) {
    processes.publish(process, as: process.name)
    events.publish("process.created", process.name)
  }
}
