import Linux

/// Python's `multiprocessing.Pipe`: two ends between which messages go, for any number of processes at each end.
///
/// Messages keep their boundaries, also those of length 0, and come out in the order in which they were sent.
public final class Pipe: Resource {
  public struct Settings: Equatable, Sendable {
    /// Whether each end sends and receives; else end 0 receives and end 1 sends.
    public var isDuplex: Bool
    /// How many bytes may be in, in each direction, before a `send` has to wait.
    public var capacity: Int

    public init(isDuplex: Bool = true, capacity: Int = 1 << 20) {
      self.isDuplex = isDuplex
      self.capacity = capacity
    }
  }

  public static let kind = Kind("Pipe", "pipes")
  public let identity: ResourceIdentity
  public let settings: Settings
  private let monitor: Monitor<State>
  private let ends: (PipeEnd, PipeEnd)

  private init(_ identity: ResourceIdentity, _ settings: Settings, _ commons: Commons) {
    self.identity = identity
    self.settings = settings
    monitor = Monitor(State(), lanes: 2 * PipeEnd.laneCount, alarms: commons.alarms)
    ends = (
      PipeEnd(0, of: identity.name, settings, monitor, commons),
      PipeEnd(1, of: identity.name, settings, monitor, commons)
    )
  }

  public static func make(
    _ identity: ResourceIdentity, _ settings: Settings, in commons: Commons
  ) throws(CoreError) -> Pipe {
    Pipe(identity, settings, commons)
  }

  /// `number` is 0 or 1, as in the tuple that Python's `Pipe()` returns.
  public func end(_ number: Int) -> PipeEnd { number == 0 ? ends.0 : ends.1 }

  public func end(_ error: CoreError) {
    monitor.end(error)
    ends.0.shut()
    ends.1.shut()
  }

  public var waiting: [Waiting] { monitor.waiting }
  public var waiterCount: Int { monitor.waiters }
  public var holders: [Holder] { ends.0.holders + ends.1.holders }
}
