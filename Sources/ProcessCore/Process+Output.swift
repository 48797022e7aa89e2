import CLinux
import Glibc
public import Linux

extension Process {
  private static let readers = Lane.each(0, .follow)

  /// Copies what is at `offset` into `buffer`; nil when there is nothing yet.
  public func readOutput(
    _ selection: OutputSelection, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
  ) -> OutputRead? {
    output.read { $0.read(selection, at: offset, into: buffer) }
  }

  /// Waits until a read at `offset` would find something.
  public func waitForOutput(
    _ selection: OutputSelection, at offset: UInt64, until deadline: Deadline?,
    orPark completion: () -> Completion<Void>
  ) throws(CoreError) -> Attempted<Void> {
    try output.attempt(
      in: Self.readers, until: deadline,
      { log throws(CoreError) -> Void? in
        offset < log.end(of: selection) || !log.isOpen(selection) ? () : nil
      }, orPark: completion)
  }

  /// The offsets of the oldest byte that is kept, and of the next that will come.
  public func outputRange(_ selection: OutputSelection) -> (start: UInt64, end: UInt64, isOpen: Bool) {
    output.read { log in (log.start(of: selection), log.end(of: selection), log.isOpen(selection)) }
  }

  public var outputReaderCount: Int { output.waiters }
}

/// Our side of a descriptor that a child writes to.
protocol ChildOutput: ReactorSource {
  var isOpen: Bool { get }

  func watch(on reactor: Reactor) throws(SystemError)

  /// The process has ended: takes what it left in the descriptor, which is all that it can have written.
  func drain(on reactor: Reactor)

  /// Descendants of the process that still hold the descriptor have had their time.
  func letGo(on reactor: Reactor)
}

/// The read end of a child's stdout or stderr, or our side of its terminal, emptied by the reactor as fast as the child writes: a reader over HTTP,
/// however slow, never holds it up.
final class OutputPipe: ChildOutput, @unchecked Sendable {
  // Sendable: `fd` is touched on the reactor's thread alone once the reactor knows the pipe.
  private let process: Process
  private let stream: OutputStream
  private var fd: CInt
  private let token: UInt64
  private let run: Run
  /// Until it has been found.
  private var scan: LineScan?
  private let isTerminal: Bool
  /// More than the kernel keeps of what was written to a terminal and not read, some of which it does not tell of.
  private static let terminalBacklog = 128 << 10

  init(_ process: Process, _ stream: OutputStream, owning fd: CInt, isTerminal: Bool = false) {
    self.process = process
    self.stream = stream
    self.fd = fd
    self.isTerminal = isTerminal
    token = process.context.reactor.makeToken()
    run = Run(process: process, number: process.life.read { $0.starts } + 1)
    if case .line(let pattern) = process.spec.readiness?.sign { scan = LineScan(pattern) }
    process.output.read { $0.open(stream) }
  }

  deinit { if fd >= 0 { Glibc.close(fd) } }

  var isOpen: Bool { fd >= 0 }

  func watch(on reactor: Reactor) throws(SystemError) {
    try reactor.watch(fd, for: EPOLLIN.rawValue, token: token, self)
  }

  func ready(_ events: UInt32, on reactor: Reactor) {
    _ = read(on: reactor)
  }

  func drain(on reactor: Reactor) {
    // Not until it is empty: a descendant may go on writing while we read.
    var left = isTerminal ? Self.terminalBacklog : Int(clinux_bytes_waiting(fd))
    while left > 0, case let count = read(on: reactor), count > 0 { left -= count }
    _ = read(on: reactor)  // Finds the end, when nobody else holds the pipe.
  }

  /// Reads once and returns the number of bytes; closes the pipe at its end.
  private func read(on reactor: Reactor) -> Int {
    guard isOpen else { return 0 }
    let buffer = reactor.buffer
    let count = Glibc.read(fd, buffer.baseAddress, buffer.count)
    if count > 0 {
      process.output.change { log in
        log.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: stream)
        process.rendering.expire()
      }
      if scan?.finds(in: buffer[..<count]) == true {
        scan = nil
        run.becomeReady()
      }
      return count
    }
    if count == 0 || (errno != EAGAIN && errno != EINTR) { close(on: reactor) }
    return 0
  }

  func letGo(on reactor: Reactor) { close(on: reactor) }

  private func close(on reactor: Reactor) {
    guard isOpen else { return }
    reactor.unwatch(fd, token: token)
    Glibc.close(fd)
    fd = -1
    process.output.change { log in
      log.close(stream)
      process.rendering.expire()
    }
  }
}
