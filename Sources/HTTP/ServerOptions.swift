/// The limits of a server. Times are in seconds, sizes in bytes.
public struct ServerOptions: Sendable {
  /// How many threads read requests; connections are spread over them.
  public var loops = 1
  /// Names that `Host` may have besides localhost, 127.0.0.1 and [::1], in lower case and without a port.
  public var hosts: [String] = []
  /// Values of `Origin` that are let in; by default none, so that no page in a browser can call the service.
  public var origins: [String] = []

  public var maxConnections = 16384
  /// Of more connections than that, one that has been idle for so long makes room for another.
  public var leastIdle = 1.0
  /// How many requests may be parked at a time; one more is 429. Some connections stay free of them in any case, so that whoever
  /// waits for everything does not keep out a probe.
  public var maxWaiters = 16384
  /// The longest that a request stays parked; nil: as long as it takes.
  public var maxWait: Double?
  /// The largest JSON document.
  public var maxBody = 64 << 20
  /// The largest payload.
  public var maxMessage = 64 << 20

  public var headerTimeout = 10.0
  public var idleTimeout = 60.0
  /// A body must come within `bodyTimeout` and the time that it takes at `bodyRate` bytes a second.
  public var bodyTimeout = 20.0
  public var bodyRate = 4096.0
  /// A response must be read within `readTimeout` and the time that it takes at `readRate`; a stream must get on every
  /// `readTimeout`.
  public var readTimeout = 30.0
  public var readRate = 16384.0
  /// How often these are looked at, in milliseconds.
  public var tick = 250

  public init() {}

  var waiterLimit: Int { min(maxWaiters, maxConnections - maxConnections / 16) }
}
