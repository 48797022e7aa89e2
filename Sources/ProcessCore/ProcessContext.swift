import CLinux
import Glibc
import Linux

/// How processes are run; the same for all of a service.
public struct ProcessOptions: Sendable {
  /// The last bytes of each stream that are kept, in bytes.
  public var outputCapacity = 1 << 20
  /// Seconds that pipes stay open after the process has ended, for descendants that still hold them; and that its end is told
  /// later at most, for children of ours that hold them because they are just being made.
  public var drainSeconds = 0.5
  /// How many processes may exist, ended ones that nobody deleted included.
  public var maxProcesses = 10_000
  /// How many resources of each other kind may exist.
  public var maxResources = 100_000
  public var queues = QueueLimits()
  /// How many bytes arrays and values may have in all, in whole pages.
  public var maxSharedBytes = 4 << 30
  public var pools = PoolLimits()
  /// How many may run at once.
  public var maxRunning = 4096
  /// Whether children that were orphaned are adopted and reaped. For the one manager of a daemon: it reaps any child of
  /// this process that it did not start.
  public var adoptsOrphans = false
  /// The soft limit of open files that children begin with, where the service has raised its own.
  public var softOpenFiles: UInt64?
  /// Whether signals may be sent to processes that are not the service's.
  public var allowsForeignPids = false
  /// Programs that may be started, as patterns with `*` and `?` over the command's first item; nil allows all.
  public var allowedCommands: [String]?
  /// Further variables for a child, made anew at each start; they win over the client's.
  public var environment: @Sendable (Process) -> [ProcessSpec.EnvironmentVariable] = { _ in [] }
  /// Which processes get a cgroup of their own.
  public var cgroups = CgroupUse.none
  /// Where they are made; nil: where this process is.
  var cgroupPlace: CgroupPlace?
  /// Told when a process has ended, or could not be started, after `environment` was asked.
  public var didEnd: @Sendable (Process) -> Void = { _ in }
  /// Told once, when the first essential process has ended.
  public var essentialEnded: @Sendable () -> Void = {}

  public init() {}
}

/// What every process needs of the service.
final class ProcessContext: Sendable {
  let options: ProcessOptions
  let reactor: Reactor
  /// Reads what workers say.
  let channels: Reactor
  let workers: WorkQueue<SpawnWorker>
  let log: EventLog
  let commons: Commons
  let orphans: OrphanReaper
  let cgroups: Cgroups
  let dependencies = Dependencies()
  /// How often a process was started again.
  let restarts = Atomic(0)
  let essentialEnd = Mutex<EssentialEnd?>(nil)
  /// How many processes are starting or running.
  let running = Atomic(0)
  let isDraining = Atomic(false)

  var alarms: Alarms { reactor.alarms }

  init(
    _ options: ProcessOptions, reactor: Reactor, channels: Reactor?, log: EventLog, commons: Commons
  ) throws(SystemError) {
    self.options = options
    self.commons = commons
    self.reactor = reactor
    self.channels = channels ?? reactor
    self.log = log
    let spawners = try (1...2).map { _ throws(SystemError) in SpawnWorker(try Spawner()) }
    cgroups = Cgroups(
      options.cgroups, instance: commons.space.instance, place: options.cgroupPlace ?? CgroupPlace.current())
    orphans = OrphanReaper(starting: spawners.map(\.announced))
    workers = try WorkQueue(name: "spawner", workers: spawners)
  }
}

/// What one thread starts children with.
final class SpawnWorker: @unchecked Sendable {
  // Sendable: `spawner` is used by one thread of the work queue alone.
  var spawner: Spawner
  let announced: AnnouncedPid

  init(_ spawner: consuming Spawner) {
    announced = spawner.announced
    self.spawner = spawner
  }
}

extension ProcessContext {
  /// Refuses a program that the operator has not allowed.
  func checkAllowed(_ command: [String]) throws(CoreError) {
    guard let patterns = options.allowedCommands, let program = command.first else { return }
    guard patterns.contains(where: { fnmatch($0, program, 0) == 0 }) else {
      throw CoreError(.invalid(pointer: "/command/0"), "this service may not start '\(program)'")
    }
  }

  /// Counts one more process that starts or runs.
  func reserveRunning() throws(CoreError) {
    guard running.add(1, ordering: .relaxed).newValue <= options.maxRunning else {
      releaseRunning()
      throw CoreError(.quota, "\(options.maxRunning) processes run already")
    }
  }

  func releaseRunning() { running.subtract(1, ordering: .relaxed) }

  /// Becomes the parent of orphaned descendants and reaps them. SIGCHLD must be blocked in every thread.
  func adoptOrphans() throws(SystemError) {
    orphans.enable()
    let fd = try system("signalfd") { clinux_signalfd(SIGCHLD) }
    try reactor.watch(fd, for: EPOLLIN.rawValue, token: reactor.makeToken(), ChildSignals(fd, orphans))
  }
}

/// SIGCHLD, read as often as it comes.
private final class ChildSignals: ReactorSource {
  private let fd: CInt
  private let orphans: OrphanReaper

  init(_ fd: CInt, _ orphans: OrphanReaper) {
    self.fd = fd
    self.orphans = orphans
  }

  deinit { close(fd) }

  func ready(_ events: UInt32, on reactor: Reactor) {
    let buffer = reactor.buffer
    while read(fd, buffer.baseAddress, buffer.count) > 0 {}
    orphans.reap()
  }
}
