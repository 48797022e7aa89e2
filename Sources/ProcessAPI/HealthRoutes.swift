import CEmbedded
import Glibc
import HTTP
import JSONCodec
public import Linux
import ProcessCore

/// What stands outside `/v1`: probes, version and the specification.
struct HealthRoutes: Sendable {
  let manager: ProcessManager
  let daemon: DaemonInfo
  private let ok = PreparedResponse(.json(Bytes(#"{"status":"ok"}"#)))

  init(manager: ProcessManager, daemon: DaemonInfo) {
    self.manager = manager
    self.daemon = daemon
  }

  var routes: [Route] {
    [
      Route(.get, "/healthz", "getHealth", access: .open, health),
      Route(.get, "/readyz", "getReadiness", access: .open, readiness),
      Route(.get, "/version", "getVersion", version),
      Route(.get, "/openapi.yaml", "getSpecification", specification),
    ]
  }

  private func health(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return .prepared(ok)
  }

  /// Not ready while it drains, so that a balancer sends nothing more.
  private func readiness(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    guard manager.isDraining else { return .prepared(ok) }
    var problem = Problem(503, "Draining", "the service is stopping")
    problem.headers = [("Retry-After", "1")]
    throw problem
  }

  private func version(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return .now(.json(daemon.versionJSON(manager.cgroups).dump()))
  }

  private func specification(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    return .now(Response(200, contentType: "application/yaml", .bytes(Self.openapi)))
  }

  private static let openapi = embeddedSpecification()
}

/// openapi.yaml as this binary was built with it.
public func embeddedSpecification() -> Bytes {
  var count = 0
  let start = cembedded_openapi(&count)
  return Bytes(copying: UnsafeRawBufferPointer(start: start, count: count))
}
