public import HTTP
public import ProcessCore

/// The table of everything that the service can do: one line for each resource.
public struct API: Sendable {
  public let routes: [Route]

  /// `metrics` gives the server's counters, which exist only after the routes do.
  public init(
    manager: ProcessManager, daemon: DaemonInfo, metrics: @escaping @Sendable () -> RequestMetrics.Snapshot? = { nil }
  ) {
    manager.connect(PoolCodec())
    let pools = PoolRoutes(commons: manager.commons)
    let kinds: [any ResourceRoutes] = [
      SessionRoutes(commons: manager.commons),
      SemaphoreRoutes(commons: manager.commons),
      LockRoutes(commons: manager.commons),
      QueueRoutes(commons: manager.commons),
      ConditionRoutes(commons: manager.commons),
      EventRoutes(commons: manager.commons),
      BarrierRoutes(commons: manager.commons),
      PipeRoutes(commons: manager.commons),
      ArrayRoutes(commons: manager.commons),
      ValueRoutes(commons: manager.commons),
      pools,
    ]
    let resources: [Route] =
      HealthRoutes(manager: manager, daemon: daemon).routes
      + ProcessRoutes(manager: manager, daemon: daemon).routes
      + GroupRoutes(manager: manager).routes
      + TreeRoutes(manager: manager).routes
      + TerminalRoutes(manager: manager).routes
      + OutputRoutes(manager: manager).routes
      + WatchRoutes(manager: manager).routes
      + ClassRoutes(manager: manager).routes
      + kinds.flatMap { $0.routes }
      + SignalRoutes(manager: manager).routes
      + WaitRoutes(manager: manager, kinds: kinds).routes
      + StateRoutes(manager: manager, daemon: daemon, kinds: kinds, metrics: metrics).routes
    let operations = resources.map(\.operation) + ["getMetrics"]
    routes =
      resources
      + MetricsRoutes(manager: manager, daemon: daemon, kinds: kinds, metrics: metrics) { operations[$0] }.routes
  }
}
