public import Glibc
public import Linux

/// A child to be started: everything that it does not get by default.
///
/// By default it gets nothing: no environment, no descriptor but `/dev/null` on 0, 1 and 2, every signal unblocked with
/// its default action, no new privileges, a session and a group of its own.
public struct SpawnRequest: Sendable {
  /// The program and its arguments. A program without a slash is searched on the `PATH` of `environment`.
  public var command: [String]
  public var environment: [(name: String, value: String)] = []
  /// Opened with the daemon's rights, before anything else. `nil` is the daemon's own.
  public var cwd: String?
  /// The `cgroup.procs` files of the cgroups that the child is in from the start, at most eight.
  public var cgroups: [String] = []
  /// `nil` is the daemon's own. A change makes the daemon itself undumpable for good: no core, no tracer but root.
  public var identity: Identity?
  public var umask: mode_t = 0o022
  /// Which of the daemon's descriptors the child has, and as what. Sources and targets may overlap.
  public var descriptors: [(source: CInt, target: CInt)] = []
  /// A target that becomes the child's controlling terminal.
  public var terminal: CInt?
  public var ignoredSignals: Set<CInt> = []
  public var blockedSignals: Set<CInt> = []
  /// `RLIMIT_…` and what is both its soft and its hard limit; `UInt64.max` is none.
  public var limits: [(resource: CInt, value: UInt64)] = []
  /// The soft limit of open files, where ours was raised; `limits` may lower both of them further.
  public var softOpenFiles: UInt64?
  public var noNewPrivileges = true
  /// The kernel kills the child when the *thread* that spawned it ends. On by default, because the threads of a daemon
  /// that spawn end with the daemon only; one that may end earlier must turn it off.
  public var diesWithSpawner = true

  public init(command: [String]) { self.command = command }
}

/// Whom a process runs as.
public struct Identity: Hashable, Sendable {
  public var uid: uid_t
  public var gid: gid_t
  /// The supplementary groups: exactly these.
  public var groups: [gid_t]

  public init(uid: uid_t, gid: gid_t, groups: [gid_t]) {
    self.uid = uid
    self.gid = gid
    self.groups = groups
  }
}

/// Why a child could not be started. Nothing of it is left.
public struct SpawnError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Step: String, Sendable, CaseIterable {
    /// Refused before anything was tried: no program, a NUL, `=` in a variable's name.
    case arguments
    case environment
    case cwd, clone, cgroup, signals, session, fds, tty, rlimit, setgroups, setgid, setuid, privileges, exec
  }

  public let step: Step
  public let cause: SystemError

  public init(_ step: Step, errno: CInt) {
    self.step = step
    cause = SystemError(step.rawValue, errno: errno)
  }

  public var description: String { cause.description }
}
