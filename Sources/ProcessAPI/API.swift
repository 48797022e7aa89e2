public import HTTP
public import ProcessCore

/// The table of everything that the service can do: one line for each resource.
public struct API: Sendable {
  public let routes: [Route]

  /// `metrics` gives the server's counters, which exist only after the routes do.
  public init(
    manager: ProcessManager, daemon: DaemonInfo, metrics: @escaping @Sendable () -> RequestMetrics.Snapshot? = { nil }
  ) {
    let resources: [Route] =
      HealthRoutes(manager: manager, daemon: daemon).routes
      + ProcessRoutes(manager: manager, daemon: daemon).routes
      + OutputRoutes(manager: manager).routes
      + EventRoutes(manager: manager).routes
      + ClassRoutes(manager: manager).routes
      + StateRoutes(manager: manager, daemon: daemon, metrics: metrics).routes
    let operations = resources.map(\.operation) + ["getMetrics"]
    routes =
      resources
      + MetricsRoutes(manager: manager, daemon: daemon, metrics: metrics) { operations[$0] }.routes
  }
}
