import ArgumentParser
import ProcessCore

/// Where the service is; of use to `serve` and to whoever asks it.
struct Place: ParsableArguments {
  @Option(help: "Where to listen: HOST:PORT; port 0 picks a free one. May be repeated; none: TCP is off.")
  var listen: [String] = []

  @Option(help: "The Unix socket, or none. (default: procession.sock in the data folder)")
  var socket: String?

  @Option(help: "The folder of the token, the socket and what must outlive a start. (default: the user's state folder)")
  var data: String?

  @Option(help: "A JSON file with these same options, as in {\"listen\": [\"127.0.0.1:8080\"], \"grace\": 5}.")
  var config: String?
}

/// What an operator may set. Every name is also a variable, as in PROCESSION_MAX_WAIT, and a member of the configuration
/// file, as in "max_wait": see `Layers`.
struct Options: ParsableArguments {
  @OptionGroup var place: Place

  @Option(help: "The file that holds the bearer token. (default: token in the data folder, made at the first start)")
  var tokenFile: String?

  @Flag(help: "Listen on addresses that other machines reach, without TLS: only behind something that protects it.")
  var insecureListen = false

  @Option(help: "A name that requests may have in Host, besides localhost and 127.0.0.1. May be repeated.")
  var host: [String] = []

  @Option(help: "An Origin that pages in browsers may call from. May be repeated; none by default.")
  var origin: [String] = []

  @Option(help: "Seconds that a stop may take.")
  var grace = 10.0

  @Option(help: "Programs that may be started, as patterns with * and ?. May be repeated; all by default.")
  var allowCommand: [String] = []

  @Flag(help: "Let signals be sent by pid to processes that are not the service's.")
  var allowForeignPids = false

  @Option(help: "Processes with a cgroup of their own: none, limited (those with a limit that needs one) or all.")
  var cgroups = "limited"

  @Option(help: "Threads that serve connections.")
  var loops = 1

  @Option(help: "Connections that may be open.")
  var maxConnections = 16384

  @Option(help: "Requests that may wait at a time.")
  var maxWaiters = 16384

  @Option(help: "Seconds that a request may wait before it is answered 503. (default: no limit)")
  var maxWait: Double?

  @Option(help: "The largest JSON document, in bytes.")
  var maxBody = 64 << 20

  @Option(help: "The largest payload, in bytes.")
  var maxMessage = 64 << 20

  @Option(help: "Processes that may exist, ended ones that nobody deleted included.")
  var maxProcesses = 10_000

  @Option(help: "Processes that may run at a time.")
  var maxRunning = 4096

  @Option(help: "Bytes of shared memory that arrays and values may have in all.")
  var maxSharedBytes = 4 << 30

  @Option(help: "Resources of each other kind that may exist: queues, locks, sessions and so on.")
  var maxResources = 100_000

  @Option(help: "Messages that a queue may have.")
  var maxQueueMessages = 10_000_000

  @Option(help: "Bytes that a queue may keep: payloads, content types and 64 more for each message.")
  var maxQueueBytes = 512 << 20

  @Option(help: "Bytes that all queues together may keep.")
  var maxQueuedBytes = 1 << 30

  @Option(help: "Bytes of each output stream that are kept.")
  var outputBuffer = 1 << 20

  @Option(help: "Seconds that output stays open for descendants after a process has ended.")
  var drain = 0.5

  @Option(help: "Events that are kept for those who watch.")
  var maxEvents = 10_000

  @Option(help: "The least that is logged: trace, debug, info, notice, warning, error or critical.")
  var logLevel = "info"

  func validate() throws {
    func positive(_ name: String, _ value: Int) throws {
      if value < 1 { throw ValidationError("--\(name) must be 1 or more") }
    }
    try positive("loops", loops)
    try positive("max-connections", maxConnections)
    try positive("max-waiters", maxWaiters)
    try positive("max-body", maxBody)
    try positive("max-message", maxMessage)
    try positive("max-processes", maxProcesses)
    try positive("max-running", maxRunning)
    try positive("max-shared-bytes", maxSharedBytes)
    try positive("max-resources", maxResources)
    try positive("max-queue-messages", maxQueueMessages)
    try positive("max-queue-bytes", maxQueueBytes)
    try positive("max-queued-bytes", maxQueuedBytes)
    try positive("output-buffer", outputBuffer)
    try positive("max-events", maxEvents)
    if CgroupUse(rawValue: cgroups) == nil { throw ValidationError("--cgroups must be none, limited or all") }
    for (name, seconds) in [("grace", grace), ("drain", drain), ("max-wait", maxWait ?? 1)] {
      if !(0...1e9).contains(seconds) { throw ValidationError("--\(name) must be a number of seconds, 0 or more") }
    }
  }

  /// Every option, by the name that it has on the command line.
  static let names = [
    "listen", "socket", "data", "token-file", "insecure-listen", "host", "origin", "grace", "allow-command",
    "allow-foreign-pids", "cgroups", "loops",
    "max-connections", "max-waiters", "max-wait", "max-body", "max-message", "max-processes", "max-running",
    "max-resources", "max-shared-bytes", "max-queue-messages", "max-queue-bytes", "max-queued-bytes", "output-buffer",
    "drain",
    "max-events", "log-level",
  ]
  static let flags: Set<String> = ["insecure-listen", "allow-foreign-pids"]
}
