public import Linux

/// Shared memory and the lock that its operations take, as those of Python's `multiprocessing.sharedctypes` wrappers do.
///
/// An operation waits while another than the caller holds the lock, and is done while nobody else can take it. Local programs
/// that map the memory know nothing of the lock, unless they acquire it.
public struct LockedArray: Sendable {
  public let array: SharedArray
  private let use: LockUse?

  /// What a client decides.
  public struct Settings: Equatable, Sendable {
    public var code: TypeCode
    public var count: Int
    /// nil: no lock.
    public var lock: LockChoice?
    fileprivate let initial: InitialItems?

    /// `count` zeros.
    public init(_ code: TypeCode, count: Int, lock: LockChoice?) {
      self.code = code
      self.count = count
      self.lock = lock
      initial = nil
    }

    public init(_ items: Items, lock: LockChoice?) {
      code = items.code
      count = items.count
      self.lock = lock
      initial = InitialItems(items)
    }
  }

  init(_ settings: Settings, by user: ResourceUser, in commons: Commons) throws(CoreError) {
    use = try settings.lock.map { choice throws(CoreError) in try LockUse(choice, by: user, in: commons) }
    do throws(CoreError) {
      array =
        if let items = settings.initial?.take() {
          try SharedArray(items, in: commons.space)
        } else {
          try SharedArray(settings.code, count: settings.count, in: commons.space)
        }
    } catch {
      use?.end(error, in: commons)
      throw error
    }
  }

  public var lock: Lock? { use?.lock }

  /// Does something with the array, once the caller may. What it throws is the attempt's.
  public func access<T: Sendable>(
    for session: Session?, until deadline: Deadline?,
    _ operation: @escaping @Sendable (SharedArray) throws(CoreError) -> T, orPark completion: () -> Completion<T>
  ) throws(CoreError) -> Attempted<T> {
    try session?.check()
    guard let lock else { return .done(try operation(array)) }
    // Whoever has the lock does not wait behind those who want it.
    let own = try lock.monitor.read { state throws(CoreError) -> T? in
      state.holding != nil && lock.isHeld(by: session, state) ? try operation(array) : nil
    }
    if let own { return .done(own) }
    return try lock.monitor.attempt(
      in: Self.users, until: deadline, for: session,
      { [array] state throws(CoreError) in state.holding == nil ? try operation(array) : nil }, orPark: completion)
  }

  /// Among those who want the lock, in turn.
  private static let users = Lane.inTurn(Lock.acquirers.index, .items)

  func retire() throws(CoreError) { try use?.retire() }

  func end(_ error: CoreError, in commons: Commons) {
    array.memory.unlink()
    use?.end(error, in: commons)
  }
}

/// What an array begins with; let go once it is in the array. Two are equal when their items probably are.
private final class InitialItems: Equatable, Sendable {
  private let fingerprint: Int
  private let items: Mutex<Items?>

  init(_ items: Items) {
    var hasher = Hasher()
    hasher.combine(bytes: items.bytes.buffer)
    fingerprint = hasher.finalize()
    self.items = Mutex(items)
  }

  func take() -> Items? { items.withLock { $0.take() } }

  static func == (a: InitialItems, b: InitialItems) -> Bool { a.fingerprint == b.fingerprint }
}

extension SharedSpace {
  /// False when what takes the settings had better be made by `submit`: it takes long, or there is only room for it when what
  /// waits there has been freed.
  public func isReady(for settings: LockedArray.Settings) -> Bool {
    let (byteCount, isTooLarge) = settings.count.multipliedReportingOverflow(by: settings.code.size)
    return isTooLarge || byteCount < Self.large && hasRoom(for: byteCount)
  }
}
