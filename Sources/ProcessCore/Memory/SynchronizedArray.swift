/// Python's `multiprocessing.Array`: items of one type in shared memory, and their lock.
public final class SynchronizedArray: Resource {
  public typealias Settings = LockedArray.Settings

  public static let kind = Kind("Array", "arrays")
  public let identity: ResourceIdentity
  public let settings: Settings
  public let locked: LockedArray
  private let commons: Commons

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ commons: Commons) throws(CoreError) {
    self.identity = identity
    self.settings = settings
    self.commons = commons
    locked = try LockedArray(settings, by: ResourceUser(Self.kind, identity.name), in: commons)
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> SynchronizedArray {
    try SynchronizedArray(identity, settings, commons)
  }

  public func retire() throws(CoreError) { try locked.retire() }
  public func end(_ error: CoreError) { locked.end(error, in: commons) }
  /// Who waits for its lock waits on that.
  public var waiting: [Waiting] { [] }
  public var waiterCount: Int { 0 }
}

/// Python's `multiprocessing.Value`: one item in shared memory, and its lock.
public final class SynchronizedValue: Resource {
  public typealias Settings = LockedArray.Settings

  public static let kind = Kind("Value", "values")
  public let identity: ResourceIdentity
  public let settings: Settings
  public let locked: LockedArray
  private let commons: Commons

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ commons: Commons) throws(CoreError) {
    self.identity = identity
    self.settings = settings
    self.commons = commons
    locked = try LockedArray(settings, by: ResourceUser(Self.kind, identity.name), in: commons)
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> SynchronizedValue {
    try SynchronizedValue(identity, settings, commons)
  }

  public func retire() throws(CoreError) { try locked.retire() }
  public func end(_ error: CoreError) { locked.end(error, in: commons) }
  public var waiting: [Waiting] { [] }
  public var waiterCount: Int { 0 }
}
