public import Linux

/// Something that is made by name and that callers wait on: a queue, a lock, a session.
///
/// What it needs of a conforming type is a `State` in a `Monitor` and the attempts on it; the rest is here and in
/// `Resources`. Everything may be called from any thread.
public protocol Resource: AnyObject, Sendable {
  /// What a client decides when it makes one; two with equal settings are the same to `PUT`.
  associatedtype Settings: Equatable & Sendable

  static var kind: Kind { get }
  var identity: ResourceIdentity { get }
  var settings: Settings { get }

  /// Makes one whose name is reserved already. What else it makes, it unmakes again before it throws.
  static func make(_ identity: ResourceIdentity, _ settings: Settings, in commons: Commons) throws(CoreError) -> Self

  /// Called once others can find it; it is deleted again when this throws.
  func begin() throws(CoreError)

  /// Called when a client wants to delete it, before it cannot be found any more; throws when something else needs it.
  func retire() throws(CoreError)

  /// Fails those who wait, and frees what it has. Called once, when nobody finds it any more.
  func end(_ error: CoreError)

  /// Those who wait on it.
  var waiting: [Waiting] { get }
  /// Those who have something of it.
  var holders: [Holder] { get }
  var waiterCount: Int { get }
  /// Whether events tell of its making and its deletion.
  var isTold: Bool { get }
}

extension Resource {
  public var name: Name { identity.name }
  public var holders: [Holder] { [] }
  public var isTold: Bool { true }
  public func begin() throws(CoreError) {}
  public func retire() throws(CoreError) {}
}

/// The words for resources of one type.
public struct Kind: Sendable {
  /// Python's, from which default names are made: `Queue-1`.
  public let word: String
  /// As in paths, the state and metrics: `queues`.
  public let plural: String

  public init(_ word: String, _ plural: String) {
    self.word = word
    self.plural = plural
  }

  /// As in names of events and sentences: `queue`.
  public var singular: String { word.lowercased() }
}

/// What every resource is told apart by.
public struct ResourceIdentity: Sendable {
  public let name: Name
  public let labels: [ProcessSpec.Label]
  public let createdAt = WallTime.now
}

/// A session that has something of a resource.
public struct Holder: Sendable {
  public let session: Name
  /// How many permits, levels, seats or messages.
  public let count: Int
  public let since: WallTime
}
