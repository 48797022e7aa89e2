import Glibc
import HTTP
import JSONCodec
public import Linux
import ProcessCore

/// The service's own process; Python's `MainProcess`.
public struct DaemonInfo: Sendable {
  public let version: String
  public let startedAt = WallTime.now
  let started = Deadline.now

  public init(version: String) { self.version = version }

  func currentProcess() -> JSON {
    let object = JSON.object()
    object.set("name", "MainProcess")
    object.set("pid", Int(getpid()))
    object.set("daemon", false)
    object.set("is_main", true)
    object.set("started_at", startedAt.rfc3339)
    return object
  }

  /// What runs here, for people who report a fault.
  func versionJSON(_ cgroups: Cgroups) -> JSON {
    var host = utsname()
    uname(&host)
    let object = JSON.object()
    object.set("name", "procession")
    object.set("version", version)
    object.set("pid", Int(getpid()))
    object.set("started_at", startedAt.rfc3339)
    object.set("uptime_seconds", (uptimeSeconds * 1000).rounded() / 1000)
    object.set("libmicrohttpd", Server.libraryVersion)
    object.set("jansson", JSON.libraryVersion)
    object.set("kernel", withUnsafeBytes(of: &host.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    object.set("cgroups", cgroups.json())
    return object
  }

  private var uptimeSeconds: Double { Double(Deadline.now.nanoseconds - started.nanoseconds) / 1e9 }
}

extension Cgroups {
  /// What they can be used for here.
  fileprivate func json() -> JSON {
    let object = JSON.object()
    object.set("version", version?.rawValue)
    object.set("use", use.rawValue)
    object.set("limits", limits.map(\.rawValue))
    object.set("kill", canKill)
    object.set("freeze", canFreeze)
    return object
  }
}
