public import Linux

/// The processes of a service and the classes that they are made from.
///
/// One reactor thread watches them all, two threads start them. Everything may be called from any thread.
public final class ProcessManager: Sendable {
  public let log: EventLog
  public let processes: Registry<Process>
  public let classes = Registry<ProcessClass>(kind: "Class")
  public let commons: Commons
  public let signals: SignalHandlers
  public let reactor: Reactor
  let context: ProcessContext
  public var cgroups: Cgroups { context.cgroups }

  /// `channels` reads what pools' workers say, where that is another than `reactor`: the thread that answers requests gives
  /// the results out without another's help then.
  public init(
    _ options: ProcessOptions, reactor: Reactor, channels: Reactor? = nil, log: EventLog
  ) throws(SystemError) {
    self.reactor = reactor
    self.log = log
    commons = Commons(
      limit: options.maxResources, queues: options.queues, sharedBytes: options.maxSharedBytes, alarms: reactor.alarms,
      log: log)
    signals = SignalHandlers(alarms: reactor.alarms, log: log)
    // Pools find it through the commons once somebody has said how they talk to their workers.
    context = try ProcessContext(
      options, reactor: reactor, channels: channels, log: log, commons: commons)
    processes = context.dependencies.processes
    if options.adoptsOrphans { try context.adoptOrphans() }
  }

  /// Lets pools be made, whose workers are talked to by `codec`.
  public func connect(_ codec: any WorkerCodec) {
    commons.host.withLock { $0 = PoolHost(context, codec) }
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
      case .created, .waiting, .ended: life.phase = .ended  // It cannot be started any more.
      case .starting, .running, .backoff:
        throw CoreError(.stillRunning, "the process still runs; it can be deleted when it has ended")
      }
    }
    context.dependencies.remove(process)
    guard processes.remove(process.name) != nil else { throw CoreError(.notFound, "the process was deleted") }
    process.output.end(CoreError(.closed, "the process was deleted"))
    log.publish("process.deleted", process.name)
  }

  /// How many processes are starting or running.
  public var runningCount: Int { context.running.load(ordering: .relaxed) }

  /// How often a process was started again.
  public var restartCount: Int { context.restarts.load(ordering: .relaxed) }

  /// Whether it starts nothing new any more.
  public var isDraining: Bool { context.isDraining.load(ordering: .relaxed) }

  private func reserve(_ name: Name?, _ template: ProcessTemplate) throws(CoreError) -> Process {
    if context.isDraining.load(ordering: .acquiring) { throw CoreError(.draining, "the service is stopping") }
    let spec = try resolve(template)
    try context.checkAllowed(spec.command)
    try context.cgroups.check(spec.limits)
    guard processes.count < context.options.maxProcesses else {
      throw CoreError(
        .quota, "there are \(context.options.maxProcesses) processes already; delete some that have ended")
    }
    let process = Process(try processes.reserve(name), spec, in: context)
    processes.propose(process, as: process.name)
    do throws(CoreError) { try context.dependencies.checkCycles(process) } catch {
      processes.withdraw(process.name)
      process.life.end(error)
      throw error
    }
    return process
  }

  private func publish(_ process: Process) {
    processes.publish(process, as: process.name)
    log.publish("process.created", process.name)
  }
}
