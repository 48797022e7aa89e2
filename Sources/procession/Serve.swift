import ArgumentParser
import CLinux
import Glibc
import HTTP
import JSONCodec
import Linux
import Logging

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Run the service until SIGTERM or SIGINT.")

  @OptionGroup var options: Options

  func run() throws {
    guard let level = Logger.Level(rawValue: options.logLevel) else { throw ValidationError("--log-level is no level") }
    if options.loops == 1 { clinux_share_heap() }  // Several would wait for one another.
    let signals = DaemonSignals()
    JSON.seed()
    let descriptors = Descriptors()
    descriptors.makeRoom(connections: options.maxConnections, running: options.maxRunning)
    let writer = try LogWriter()
    let logThread = try writer.start()
    let log = Logger(label: "procession") { _ in JSONLog(writer: writer, logLevel: level) }

    let daemon = try Daemon(options, log, descriptors)
    write(daemon.greeting, to: STDOUT_FILENO)
    daemon.serve(signals, grace: options.grace, log)
    let areAllGone = daemon.end(grace: options.grace, log)
    writer.stop()
    logThread.join()
    if !areAllGone { throw ExitCode(1) }
    if daemon.exitCode != 0 { throw ExitCode(daemon.exitCode) }
  }
}
