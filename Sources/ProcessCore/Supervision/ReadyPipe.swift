import CLinux
import Glibc
import Linux

/// A pipe that a process tells by that it is of use: by a line, as with s6.
final class ReadyPipe: ReadinessProbe, ReactorSource, @unchecked Sendable {
  // Sendable: `fd` changes on the reactor's thread alone.
  private let run: Run
  private var fd: CInt
  private let token: UInt64

  init(_ run: Run, owning fd: CInt) {
    self.run = run
    self.fd = fd
    token = run.process.context.reactor.makeToken()
    do { try run.process.context.reactor.watch(fd, for: EPOLLIN.rawValue, token: token, self) } catch {}
  }

  deinit { if fd >= 0 { close(fd) } }

  func ready(_ events: UInt32, on reactor: Reactor) {
    guard fd >= 0 else { return }
    let count = read(fd, reactor.buffer.baseAddress, reactor.buffer.count)
    if count > 0, !reactor.buffer[..<count].contains(UInt8(ascii: "\n")) { return }
    if count < 0, errno == EAGAIN || errno == EINTR { return }
    reactor.unwatch(fd, token: token)
    close(fd)
    fd = -1
    if count > 0 { run.becomeReady() }
  }

  /// The run may be over while a descendant has the pipe: from here on it is read by nobody, and closed with this.
  func cancel() {
    let reactor = run.process.context.reactor
    reactor.post(ReadyPipeEnd(self))
  }

  fileprivate func end(on reactor: Reactor) {
    guard fd >= 0 else { return }
    reactor.unwatch(fd, token: token)
    close(fd)
    fd = -1
  }
}

private final class ReadyPipeEnd: ReactorSource {
  private let pipe: ReadyPipe

  init(_ pipe: ReadyPipe) { self.pipe = pipe }

  func ready(_ events: UInt32, on reactor: Reactor) { pipe.end(on: reactor) }
}
