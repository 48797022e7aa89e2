import CLinux
import Glibc
public import Linux

/// A child that runs, unreaped: its pid is its own until `pidfd.reap()` has returned a status.
public struct Child: ~Copyable, Sendable {
  public let pid: CInt
  public let pidfd: Pidfd

  /// Gives the pidfd away.
  public consuming func release() -> Pidfd { pidfd }
}

/// Starts children, for one thread, which holds still until the child runs its program (about a millisecond).
///
/// The thread must live as long as its children may: see `SpawnRequest.diesWithSpawner`. SIGCHLD must not be ignored in
/// this process, or statuses are lost.
public struct Spawner: ~Copyable {
  private var stack: clinux_spawn_stack
  private let devNull: FileDescriptor
  /// The pid of the child that is being started, for those who reap orphans on other threads.
  public let announced: AnnouncedPid

  public init() throws(SystemError) {
    let null = try system("open /dev/null") { open("/dev/null", O_RDWR | O_CLOEXEC) }
    var stack = clinux_spawn_stack()
    let code = clinux_spawn_stack_create(&stack)
    guard code == 0 else {
      close(null)
      throw SystemError("mmap", errno: code)
    }
    devNull = FileDescriptor(owning: null)
    self.stack = stack
    announced = AnnouncedPid()
  }

  deinit {
    var stack = stack
    clinux_spawn_stack_destroy(&stack)
  }

  /// Returns when the child runs its program. After an error nothing is left of it.
  ///
  /// `announced` still holds the pid then: to be cleared once the child is in the table that a reaper of orphans looks at.
  public mutating func spawn(_ request: SpawnRequest) throws(SpawnError) -> Child {
    let strings = try SpawnStrings(request)
    let fds = try Self.plan(request.descriptors, devNull: devNull.raw)
    var limits = request.limits.map { clinux_spawn_rlimit(resource: $0.resource, soft: $0.value, hard: $0.value) }
    if let soft = request.softOpenFiles, let limit = Self.openFiles(soft: soft) { limits.insert(limit, at: 0) }
    let groups = request.identity?.groups ?? []
    if request.cwd?.utf8.contains(0) == true { throw SpawnError(.cwd, errno: EINVAL) }

    var spec = clinux_spawn_spec()
    spec.argv = strings.argv
    spec.envp = strings.envp
    spec.candidates = strings.candidates
    spec.cgroups = strings.cgroups
    spec.umask = request.umask & 0o777
    spec.fd_count = fds.count
    spec.rlimit_count = limits.count
    spec.ignored_signals = try Self.mask(of: request.ignoredSignals)
    spec.blocked_signals = try Self.mask(of: request.blockedSignals)
    spec.terminal = request.terminal ?? -1
    spec.no_new_privileges = request.noNewPrivileges
    spec.die_with_parent = request.diesWithSpawner
    if let identity = request.identity {
      spec.change_identity = true
      spec.uid = identity.uid
      spec.gid = identity.gid
      spec.group_count = groups.count
    }

    var result = clinux_spawn_result()
    let started = fds.withUnsafeBufferPointer { fds in
      limits.withUnsafeBufferPointer { limits in
        groups.withUnsafeBufferPointer { groups in
          withOptionalCString(request.cwd) { cwd in
            spec.fds = fds.baseAddress
            spec.rlimits = limits.baseAddress
            spec.groups = groups.baseAddress
            spec.cwd = cwd
            return SpawnWindow.hold { clinux_spawn(&spec, &stack, announced.cell, &result) }
          }
        }
      }
    }
    guard started else { throw SpawnError(Self.step(result.step), errno: result.error) }
    return Child(pid: result.pid, pidfd: Pidfd(owning: FileDescriptor(owning: result.pidfd)))
  }

  private static func openFiles(soft: UInt64) -> clinux_spawn_rlimit? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    let hard = UInt64(limit.rlim_max)
    return clinux_spawn_rlimit(resource: CInt(RLIMIT_NOFILE.rawValue), soft: min(soft, hard), hard: hard)
  }

  /// By ascending target, with `/dev/null` for the standard ones that the request leaves out.
  private static func plan(
    _ descriptors: [(source: CInt, target: CInt)], devNull: CInt
  ) throws(SpawnError) -> [clinux_spawn_fd] {
    var plan = descriptors.map { clinux_spawn_fd(source: $0.source, target: $0.target) }
    for standard in 0...2 as ClosedRange<CInt> where !plan.contains(where: { $0.target == standard }) {
      plan.append(clinux_spawn_fd(source: devNull, target: standard))
    }
    plan.sort { $0.target < $1.target }
    let isTwice = zip(plan, plan.dropFirst()).contains { $0.target == $1.target }
    guard !isTwice, plan[0].target == 0 else { throw SpawnError(.fds, errno: EINVAL) }
    return plan
  }

  private static func mask(of signals: Set<CInt>) throws(SpawnError) -> UInt64 {
    var mask: UInt64 = 0
    for signal in signals {
      guard 1...64 ~= signal, signal != SIGKILL, signal != SIGSTOP else { throw SpawnError(.signals, errno: EINVAL) }
      mask |= 1 << UInt64(signal - 1)
    }
    return mask
  }

  private static func step(_ step: clinux_spawn_step) -> SpawnError.Step {
    switch step {
    case CLINUX_STEP_ARGUMENTS: .arguments
    case CLINUX_STEP_CWD: .cwd
    case CLINUX_STEP_CLONE: .clone
    case CLINUX_STEP_CGROUP: .cgroup
    case CLINUX_STEP_SIGNALS: .signals
    case CLINUX_STEP_SESSION: .session
    case CLINUX_STEP_FDS: .fds
    case CLINUX_STEP_TTY: .tty
    case CLINUX_STEP_RLIMIT: .rlimit
    case CLINUX_STEP_SETGROUPS: .setgroups
    case CLINUX_STEP_SETGID: .setgid
    case CLINUX_STEP_SETUID: .setuid
    case CLINUX_STEP_PRIVILEGES: .privileges
    case CLINUX_STEP_EXEC: .exec
    default: preconditionFailure("a spawn failed at a step that has no name")
    }
  }
}

/// Which pid a spawner is just starting. A reaper of orphans looks here first, and in its table of children after that:
/// then a child that has ended before it was entered there is not taken for an orphan.
public final class AnnouncedPid: @unchecked Sendable {
  // Sendable: the cell is read and cleared atomically, and written by the kernel alone.
  fileprivate let cell: UnsafeMutablePointer<CInt>

  fileprivate init() {
    cell = .allocate(capacity: 1)
    cell.initialize(to: 0)
  }

  deinit { cell.deallocate() }

  /// 0: none.
  public func load() -> CInt { clinux_announced_load(cell) }
  public func clear() { clinux_announced_clear(cell) }
}

private func withOptionalCString<R>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
  guard let string else { return body(nil) }
  return string.withCString { body($0) }
}
