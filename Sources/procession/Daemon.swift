import CLinux
import Glibc
import HTTP
import Linux
import Logging
import ProcessAPI
import ProcessCore

/// The service while it runs: its parts, started in order and ended in the opposite one.
struct Daemon {
  /// What the parts made first need to know of those made last.
  private final class Late: Sendable {
    let server = Mutex<Server?>(nil)
    let access = Mutex<ProcessAccess?>(nil)
  }

  private let manager: ProcessManager
  private let server: Server
  private let tokenFile: String
  private let late: Late
  private let ended: Latch

  init(_ options: Options, _ log: Logger, _ descriptors: Descriptors) throws {
    let folder = try DataFolder(options.place.data)
    let addresses = try options.place.addresses(in: folder.path)
    try options.checkExposure(addresses)
    let tokens = Tokens()
    tokens.add(try folder.token(options.tokenFile), for: .operator)
    tokenFile = options.tokenFile ?? folder.path + "/token"

    ended = try Latch()
    let late = Late()
    self.late = late
    let reactor = try Reactor(alarms: Alarms())
    let events = EventLog(capacity: options.maxEvents, alarms: reactor.alarms)
    var processes = options.processOptions
    processes.adoptsOrphans = clinux_adopter() == getpid()
    processes.softOpenFiles = descriptors.inherited
    var serving = options.serverOptions
    let share = descriptors.share(connections: serving.maxConnections, running: processes.maxRunning)
    if share != (serving.maxConnections, processes.maxRunning) {
      log.notice(
        "fewer descriptors than the limits need",
        metadata: ["max_connections": "\(share.connections)", "max_running": "\(share.running)"])
    }
    serving.maxConnections = share.connections
    processes.maxRunning = share.running
    processes.environment = { process in late.access.withLock { $0 }?.grant(process) ?? [] }
    processes.didEnd = { process in late.access.withLock { $0 }?.revoke(process) }
    processes.essentialEnded = { kill(getpid(), SIGTERM) }  // Wakes whoever waits for signals.
    // The thread that answers requests reads the workers' results too.
    let channels = try Reactor(hostedBesides: reactor)
    manager = try ProcessManager(processes, reactor: reactor, channels: channels, log: events)
    let swept = manager.commons.space.sweep()
    if swept > 0 { log.notice("swept", metadata: ["shared_memories": "\(swept)"]) }
    let cleared = manager.cgroups.sweep()
    if cleared > 0 { log.notice("swept", metadata: ["cgroups": "\(cleared)"]) }

    let api = API(manager: manager, daemon: DaemonInfo(version: Procession.version)) {
      late.server.withLock { $0 }?.metrics.snapshot()
    }
    let server = Server(
      options: serving, routes: api.routes, tokens: tokens, observer: Audit(log: log),
      guest: Guest(descriptor: channels.descriptor) { channels.turn() })
    self.server = server
    late.server.withLock { $0 = server }
    try reactor.start()
    do { try server.start(addresses) } catch { throw StartError("\(error)") }
    let access = ProcessAccess(tokens: tokens, addresses: server.addresses)
    late.access.withLock { $0 = access }
    log.notice("started", metadata: ["addresses": "\(words(server.addresses))", "version": "\(Procession.version)"])
  }

  /// What the service ends with: the exit code of its essential process, 0 without one. To be asked when it has ended.
  var exitCode: CInt { manager.essentialEnd?.code ?? 0 }

  /// Where it listens, then a first call to try.
  var greeting: String {
    var lines = "procession \(Procession.version) listens on \(words(server.addresses))\n"
    for address in server.addresses {
      switch address {
      case .tcp: lines += "  curl -H \"Authorization: Bearer $(cat \(tokenFile))\" http://\(address)/v1/processes\n"
      case .unix(let path): lines += "  curl --unix-socket \(path) http://localhost/v1/processes\n"
      }
    }
    return lines
  }

  /// Returns when a signal ends the service.
  func serve(_ signals: DaemonSignals, grace: Double, _ log: Logger) { signals.serve(manager, grace: grace, log) }

  /// New work is refused and waiters are answered; then the children end, each in its way; then the server. Returns when
  /// nothing is left, a little after `grace` at the latest; false when something could not be ended.
  func end(grace: Double, _ log: Logger) -> Bool {
    server.drain()
    manager.shutdown(grace: grace) { [ended] in ended.open() }
    // Nothing outlives SIGKILL but what sleeps in the kernel, and that must not keep us.
    let areAllGone = ended.wait(seconds: grace + 5)
    if !areAllGone { log.error("some processes cannot be ended") }
    server.stop(by: .after(seconds: 2))
    if areAllGone { manager.stop() }
    // The parts hold one another through these; what is left at exit then is a leak.
    late.server.withLock { $0 = nil }
    late.access.withLock { $0 = nil }
    log.notice("stopped")
    return areAllGone
  }

  private func words(_ addresses: [ListenAddress]) -> String {
    addresses.map { if case .tcp = $0 { "http://\($0)" } else { "unix:\($0)" } }.joined(separator: " and ")
  }
}
