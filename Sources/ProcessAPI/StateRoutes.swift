import HTTP
import JSONCodec
import Linux
import ProcessCore

/// The whole service as one document.
struct StateRoutes: Sendable {
  let manager: ProcessManager
  let daemon: DaemonInfo
  let kinds: [any ResourceRoutes]
  let metrics: @Sendable () -> RequestMetrics.Snapshot?

  var routes: [Route] { [Route(.get, "/v1/state", "getState", state)] }

  /// Each resource as it was at one moment, and the id of the last event before: who watches from there misses nothing.
  private func state(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    let lastEvent = manager.log.lastID
    let object = JSON.object()
    object.set("at", WallTime.now.rfc3339)
    object.set("last_event_id", Int(lastEvent))
    object.set("service", daemon.versionJSON(manager.cgroups))
    object.set("is_draining", manager.isDraining)
    let requests = metrics()
    object.set("connections", requests?.connections ?? 0)
    object.set("waiters", requests?.parked ?? 0)
    let processes = JSON.array()
    for process in manager.processes.all {
      let item = process.json()
      item.set("joiners", process.joinerCount)
      item.set("output_readers", process.outputReaderCount)
      processes.append(item)
    }
    object.set("processes", processes)
    let classes = JSON.array()
    for made in manager.classes.all { classes.append(made.json()) }
    object.set("classes", classes)
    for kind in kinds { object.set(name: kind.kind.plural, kind.all()) }
    return .now(.json(object.dump()))
  }
}
