import Glibc
import Linux
import Testing

@testable import ProcessCore

/// A manager with a reactor of its own, ended with the test.
final class ManagerUnderTest: Sendable {
  let manager: ProcessManager
  /// Reads what pools' workers say on a thread of its own, as a server's loop does.
  private let host: ChannelHost?

  init(_ options: ProcessOptions = ProcessOptions(), maxEvents: Int = 10_000, hostsChannels: Bool = false) throws {
    signal(SIGPIPE, SIG_IGN)  // A write to a child that is gone is an error and no end.
    let reactor = try Reactor(alarms: Alarms())
    let events = EventLog(capacity: maxEvents, alarms: reactor.alarms)
    host = hostsChannels ? try ChannelHost(besides: reactor) : nil
    manager = try ProcessManager(options, reactor: reactor, channels: host?.channels, log: events)
    try reactor.start()
  }

  deinit {
    let ended = Told<Void>()
    manager.shutdown(grace: 0.5) { ended.tell(()) }
    _ = ended.reached(1, within: 20)
    host?.stop()
    manager.stop()
  }

  /// Starts a process and waits until it runs.
  func run(
    _ command: [String], name: String? = nil, _ change: (inout ProcessTemplate) -> Void = { _ in }
  ) throws -> Process {
    var template = ProcessTemplate()
    template.command = command
    change(&template)
    return try run(template, name: name)
  }

  func run(_ template: ProcessTemplate, name: String? = nil) throws -> Process {
    let told = Told<Result<Process, CoreError>>()
    try manager.run(name.flatMap { Name($0) }, template, then: told.tell)
    try #require(told.reached(1))
    return try told.all[0].get()
  }

  func sh(_ script: String, _ change: (inout ProcessTemplate) -> Void = { _ in }) throws -> Process {
    try run(["/bin/sh", "-c", script], change)
  }
}

/// A thread that does what `Guest` asks of a server's loop.
private final class ChannelHost: Sendable {
  let channels: Reactor
  private let isOver = Atomic(false)
  private let thread = Mutex<Linux.Thread?>(nil)

  init(besides reactor: Reactor) throws {
    channels = try Reactor(hostedBesides: reactor)
    let thread = try Linux.Thread("channels") { [self] in
      while !isOver.load(ordering: .acquiring) {
        var ready = pollfd(fd: channels.descriptor, events: Int16(POLLIN), revents: 0)
        if poll(&ready, 1, 10) > 0 { channels.turn() }
      }
    }
    self.thread.withLock { $0 = thread }
  }

  func stop() {
    isOver.store(true, ordering: .releasing)
    thread.withLock { $0.take() }?.join()
  }
}

extension Process {
  /// Waits for its end.
  func joined(within seconds: Double = 20) throws -> ProcessExit {
    let told = Told<Outcome<ProcessSnapshot>>()
    switch try join(until: .after(seconds: seconds), orPark: { told.tell }) {
    case .done(let snapshot): return try #require(snapshot.exit)
    case .timedOut: break
    case .parked:
      try #require(told.reached(1, within: seconds + 1))
      if case .value(let snapshot) = told.all[0] { return try #require(snapshot.exit) }
    }
    throw CoreError(.stillRunning, "it did not end in time")
  }

  /// All that it wrote, once it has ended and its output too.
  func wholeOutput(_ selection: OutputSelection = .stdout) throws -> String {
    _ = try joined()
    try #require(eventually { !outputRange(selection).isOpen })
    let range = outputRange(selection)
    let bytes = Bytes(count: Int(range.end - range.start))
    var count = 0
    while count < bytes.count,
      case .bytes(let more, _) = readOutput(
        selection, at: range.start + UInt64(count),
        into: UnsafeMutableRawBufferPointer(rebasing: bytes.mutableBuffer[count...]))
    { count += more }
    bytes.truncate(to: count)
    return bytes.text
  }
}

/// The kind of the error that `body` throws; nil when it throws none.
func kind(_ body: () throws -> Void) -> CoreError.Kind? {
  do {
    try body()
    return nil
  } catch { return (error as? CoreError)?.kind }
}
