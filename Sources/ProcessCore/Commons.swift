import Linux

/// What processes have in common: the resources that they communicate by, and the sessions that own parts of them.
///
/// Everything may be called from any thread.
public final class Commons: Sendable {
  public let sessions: Resources<Session>
  public let semaphores: Resources<Semaphore>
  public let locks: Resources<Lock>
  public let conditions: Resources<Condition>
  public let events: Resources<Event>
  public let barriers: Resources<Barrier>
  public let queues: Resources<Queue>
  public let pipes: Resources<Pipe>
  public let arrays: Resources<SynchronizedArray>
  public let values: Resources<SynchronizedValue>
  /// Where arrays and values are.
  public let space: SharedSpace
  /// The sessions that end with each process that runs.
  let bound = Mutex<[Name: [SessionOwner]]>([:])
  /// Permits that sessions own or leases end.
  let permits: Quota
  public let queueLimits: QueueLimits
  /// What all queues and pipes together keep.
  let queuedBytes: ByteQuota
  /// Messages that are reserved, or come back later.
  let reservations: Quota
  public let pools: Resources<Pool>
  public let poolCounts = PoolCounts()
  /// What pools are run by; none when the service has stopped.
  let host = Mutex<PoolHost?>(nil)
  let alarms: Alarms
  let log: EventLog

  /// `limit`: how many resources of each kind there may be. `sharedBytes`: of all arrays and values.
  init(limit: Int, queues: QueueLimits = QueueLimits(), sharedBytes: Int = 1 << 30, alarms: Alarms, log: EventLog) {
    self.alarms = alarms
    self.log = log
    permits = Quota(1_000_000, "permits that sessions own or leases end, and ends of pipes that sessions hold")
    queueLimits = queues
    queuedBytes = ByteQuota(queues.totalBytes, of: "all queues and pipes together")
    reservations = Quota(1_000_000, "messages that are reserved or come back later")
    sessions = Resources(limit: limit, log: log)
    semaphores = Resources(limit: limit, log: log)
    locks = Resources(limit: limit, log: log)
    conditions = Resources(limit: limit, log: log)
    events = Resources(limit: limit, log: log)
    barriers = Resources(limit: limit, log: log)
    self.queues = Resources(limit: limit, log: log)
    pipes = Resources(limit: limit, log: log)
    arrays = Resources(limit: limit, log: log)
    values = Resources(limit: limit, log: log)
    space = SharedSpace(maxBytes: sharedBytes)
    pools = Resources(limit: limit, log: log)
  }

  // Found for nearly every call: compiled here, where the registry's generic look-up is known to be of these types.

  public func session(_ name: UnsafeRawBufferPointer) -> Session? { sessions.registry.find(name) }
  public func semaphore(_ name: UnsafeRawBufferPointer) -> Semaphore? { semaphores.registry.find(name) }
  public func pool(_ name: UnsafeRawBufferPointer) -> Pool? { pools.registry.find(name) }
  public func lock(_ name: UnsafeRawBufferPointer) -> Lock? { locks.registry.find(name) }
  public func condition(_ name: UnsafeRawBufferPointer) -> Condition? { conditions.registry.find(name) }
  public func event(_ name: UnsafeRawBufferPointer) -> Event? { events.registry.find(name) }
  public func barrier(_ name: UnsafeRawBufferPointer) -> Barrier? { barriers.registry.find(name) }
  public func queue(_ name: UnsafeRawBufferPointer) -> Queue? { queues.registry.find(name) }
  public func array(_ name: UnsafeRawBufferPointer) -> SynchronizedArray? { arrays.registry.find(name) }
  public func value(_ name: UnsafeRawBufferPointer) -> SynchronizedValue? { values.registry.find(name) }
  public func pipe(_ name: UnsafeRawBufferPointer) -> Pipe? { pipes.registry.find(name) }

  /// Ends everything: those who wait are told so.
  func close() {
    let why = CoreError(.closed, "the service stops")
    sessions.deleteAll(why)
    semaphores.deleteAll(why)
    conditions.deleteAll(why)
    events.deleteAll(why)
    barriers.deleteAll(why)
    queues.deleteAll(why)
    pipes.deleteAll(why)
    arrays.deleteAll(why)
    values.deleteAll(why)
    space.close()
    // After those that need them.
    locks.deleteAll(why)
    pools.deleteAll(why)
    host.withLock { $0 = nil }
  }
}
