import Glibc
import HTTP
import Linux
import ProcessCore

/// `/metrics` in Prometheus' text format.
struct MetricsRoutes: Sendable {
  let manager: ProcessManager
  let daemon: DaemonInfo
  let kinds: [any ResourceRoutes]
  let metrics: @Sendable () -> RequestMetrics.Snapshot?
  let operations: @Sendable (Int) -> String

  var routes: [Route] { [Route(.get, "/metrics", "getMetrics", render)] }

  private func render(_ request: Request) throws(Problem) -> Answer {
    try request.noParameters()
    var text = MetricsText()
    if let requests = metrics() { write(requests, to: &text) }
    writeProcesses(to: &text)
    writePools(to: &text)
    writeDaemon(to: &text)
    return .now(.text(text.text, contentType: "text/plain; version=0.0.4; charset=utf-8"))
  }

  private func write(_ requests: RequestMetrics.Snapshot, to text: inout MetricsText) {
    func operation(_ row: RequestMetrics.Snapshot.Row) -> String { row.route.map(operations) ?? "none" }
    text.begin("procession_requests_total", "counter", "Requests that are over, by operation and status.")
    for row in requests.rows {
      for (status, count) in row.counts {
        text.sample([("operation", operation(row)), ("status", String(status))], Double(count))
      }
    }
    text.begin("procession_request_seconds", "histogram", "From a request's first line to its end, waits included.")
    for row in requests.rows {
      var sum: UInt64 = 0
      for (index, count) in row.buckets.enumerated() {
        sum += count
        let bound = index < RequestMetrics.bounds.count ? "\(RequestMetrics.bounds[index])" : "+Inf"
        text.sample([("operation", operation(row)), ("le", bound)], Double(sum), suffix: "_bucket")
      }
      text.sample([("operation", operation(row))], row.sum, suffix: "_sum")
      text.sample([("operation", operation(row))], Double(sum), suffix: "_count")
    }
    text.gauge("procession_connections", "Open connections.", Double(requests.connections))
    text.gauge("procession_waiters", "Requests that wait for something to happen.", Double(requests.parked))
    text.gauge("procession_requests_in_flight", "Requests that are not over.", Double(requests.inFlight))
  }

  private func writeProcesses(to text: inout MetricsText) {
    var byState: [ProcessState: Int] = [:]
    for process in manager.processes.all { byState[process.snapshot.state, default: 0] += 1 }
    text.begin("procession_processes", "gauge", "Processes by state.")
    for state in ProcessState.allCases { text.sample([("state", state.rawValue)], Double(byState[state] ?? 0)) }
    text.begin("procession_process_restarts_total", "counter", "Processes that were started again.")
    text.sample([], Double(manager.restartCount))
    text.gauge("procession_classes", "Classes.", Double(manager.classes.count))
    text.begin("procession_resources", "gauge", "Resources by kind.")
    for kind in kinds { text.sample([("kind", kind.kind.plural)], Double(kind.count)) }
    text.begin("procession_events_total", "counter", "Events that have happened.")
    text.sample([], Double(manager.log.lastID))
  }

  private func writePools(to text: inout MetricsText) {
    var byState: [WorkerSnapshot.State: Int] = [:]
    var queued = 0
    for pool in manager.commons.pools.registry.all {
      queued += pool.snapshot.queued
      for worker in pool.workers { byState[worker.state, default: 0] += 1 }
    }
    text.begin("procession_pool_workers", "gauge", "Workers of all pools by state.")
    for state in WorkerSnapshot.State.allCases {
      text.sample([("state", state.rawValue)], Double(byState[state] ?? 0))
    }
    text.gauge("procession_pool_tasks_queued", "Tasks of all pools that no worker has yet.", Double(queued))
    text.begin("procession_pool_tasks_total", "counter", "Tasks that have an outcome.")
    text.sample([], Double(manager.commons.poolCounts.done))
    text.begin("procession_pool_tasks_lost_total", "counter", "Tasks that were lost with their worker.")
    text.sample([], Double(manager.commons.poolCounts.lost))
  }

  private func writeDaemon(to text: inout MetricsText) {
    text.begin("process_resident_memory_bytes", "gauge", "Resident memory of the service.")
    text.sample([], Double(ProcFile().residentBytes(of: getpid()) ?? 0))
    text.begin("process_open_fds", "gauge", "Open descriptors of the service.")
    text.sample([], Double(openDescriptors()))
    text.begin("process_start_time_seconds", "gauge", "When the service started, since 1970.")
    text.sample([], daemon.startedAt.seconds)
  }
}

/// The text format: a family's help and type, then its samples.
struct MetricsText {
  private(set) var text = ""
  private var name = ""

  mutating func begin(_ name: String, _ type: String, _ help: String) {
    self.name = name
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  mutating func gauge(_ name: String, _ help: String, _ value: Double) {
    begin(name, "gauge", help)
    sample([], value)
  }

  /// No label's value has a character that would need escaping: they are words of ours.
  mutating func sample(_ labels: [(name: String, value: String)], _ value: Double, suffix: String = "") {
    let list = labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",")
    let number = Int(exactly: value).map { String($0) } ?? String(value)
    text += "\(name)\(suffix)\(list.isEmpty ? "" : "{\(list)}") \(number)\n"
  }
}

private func openDescriptors() -> Int {
  guard let folder = opendir("/proc/self/fd") else { return 0 }
  defer { closedir(folder) }
  var count = -3  // ".", "..", and the one that we are reading with.
  while readdir(folder) != nil { count += 1 }
  return count
}
