import CLinux
import Glibc
public import Linux

/// The write end of a child's stdin.
struct Input: ~Copyable {
  var pipe: InputPipe?
  var isClosed = false
}

extension Process {
  private static let writers = Lane.inTurn(0, .stdin)

  /// Writes all of the bytes to the process, in turn with other writers, then closes its stdin if asked to; waits while
  /// the pipe is full. The result is how many bytes were written.
  ///
  /// When the deadline or a hang-up comes first, what was written until then stays written: `progress` tells how much.
  public func writeInput(
    _ progress: InputProgress, thenClose: Bool, until deadline: Deadline?, orPark completion: () -> Completion<Int>
  ) throws(CoreError) -> Attempted<Int> {
    if thenClose, spec.terminal != nil {
      throw CoreError(
        .invalid(pointer: "?close"), "a terminal has no end; type the byte 4, ^D, where a program waits for it")
    }
    return try input.attempt(
      in: Self.writers, until: deadline,
      { input throws(CoreError) -> Int? in
        guard let pipe = input.pipe else {
          throw CoreError(
            .brokenPipe, input.isClosed ? "stdin is closed" : "the process has no stdin pipe, or does not run")
        }
        guard try pipe.write(progress) else {
          pipe.awaitRoom()
          return nil
        }
        if thenClose { input.close() }
        return progress.bytes.count
      }, orPark: completion)
  }
}

/// How far a write has come.
public final class InputProgress: Sendable {
  let bytes: Bytes
  private let done = Atomic(0)

  public init(_ bytes: Bytes) { self.bytes = bytes }

  public var written: Int { done.load(ordering: .relaxed) }

  fileprivate var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes.buffer[written...]) }
  fileprivate func advance(by count: Int) { done.add(count, ordering: .relaxed) }
}

extension Input {
  mutating func close() {
    pipe?.close()
    pipe = nil
    isClosed = true
  }
}

/// The descriptor behind `Input`; touched only under the lock of the input's monitor, save by the reactor's call.
final class InputPipe: ReactorSource, @unchecked Sendable {
  // Sendable: `fd` and `isWatched` change only under the lock of the monitor whose state holds this pipe.
  private let process: Process
  private let reactor: Reactor
  private var fd: CInt
  private let token: UInt64
  private var isWatched = false

  init(_ process: Process, owning fd: CInt, reactor: Reactor) {
    self.process = process
    self.reactor = reactor
    self.fd = fd
    token = reactor.makeToken()
  }

  deinit { if fd >= 0 { Glibc.close(fd) } }

  /// Writes as much as the pipe takes. True when that was the rest.
  func write(_ progress: InputProgress) throws(CoreError) -> Bool {
    while true {
      let rest = progress.rest
      guard let base = rest.baseAddress, !rest.isEmpty else { return true }
      let count = Glibc.write(fd, base, rest.count)
      if count > 0 {
        progress.advance(by: count)
      } else if errno == EAGAIN {
        return false
      } else if errno != EINTR {
        throw CoreError(.brokenPipe, "nobody reads the process's stdin")
      }
    }
  }

  /// Has the reactor retry the writers once, when there is room.
  func awaitRoom() {
    let events = EPOLLOUT.rawValue | EPOLLONESHOT.rawValue
    if isWatched {
      reactor.rewatch(fd, for: events, token: token)
    } else {
      isWatched = (try? reactor.watch(fd, for: events, token: token, self)) != nil
    }
  }

  func ready(_ events: UInt32, on reactor: Reactor) {
    process.input.change { _ in }  // The first writer's attempt writes on, and asks for room again if it needs more.
  }

  func close() {
    if isWatched { reactor.unwatch(fd, token: token) }
    isWatched = false
    if fd >= 0 { Glibc.close(fd) }
    fd = -1
  }
}
