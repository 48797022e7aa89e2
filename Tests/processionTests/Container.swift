import Glibc
import Linux
import Testing

/// The daemon in a PID namespace of its own, as in a container.
struct Container {
  let daemon: DaemonUnderTest
  let client: Client
  /// PID 1, by its number outside.
  let initial: pid_t
  /// Its child, which waits for the service.
  let keeper: pid_t
  let service: pid_t

  private static let unshare = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child"]
  /// Tests of others than root need a kernel that lets them make user namespaces, and then a mapping.
  static let isPermitted = (try? run(unshare + ["--mount-proc", "/bin/true"]).code == 0) ?? false

  /// `before` is run within it, and execs what follows.
  init(_ arguments: [String] = [], mounts: [String] = ["--mount-proc"], before: [String] = [], data: String? = nil)
    throws
  {
    daemon = try DaemonUnderTest(arguments, data: data, before: Self.unshare + mounts + before)
    client = daemon.client
    func child(of parent: pid_t) throws -> pid_t { try #require(ProcEntry.children(of: parent).map(\.pid).min()) }
    initial = try child(of: daemon.pid)
    keeper = try child(of: initial)
    service = try child(of: keeper)
  }

  /// Who has ended and waits to be reaped by one of the three. The kernel calls those so too, for less than a microsecond, whom
  /// it reaps by itself, and shows it to who looks just then: hence a second look, at once.
  var zombies: [pid_t] {
    let ours = [initial, keeper, service]
    return ProcEntry.all.filter { ours.contains($0.parent) && $0.state == "Z" && ProcEntry($0.pid)?.state == "Z" }
      .map(\.pid)
  }

  /// Asks it to end, by SIGTERM to its PID 1, and returns its code.
  func stop() -> CInt { end(initial, by: SIGTERM) }

  /// Sends a signal to one of its processes, and returns the container's exit code.
  func end(_ pid: pid_t, by signal: CInt) -> CInt {
    kill(pid, signal)
    return daemon.end(by: 0)
  }
}
