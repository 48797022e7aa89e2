import CLinux
import Glibc
import Linux

/// Puts what a child writes to a descriptor into a queue or sends it from an end of a pipe.
///
/// Where there is no room it stops reading: the child is held up by the kernel's pipe, as it would be by a slow reader, and
/// no more is kept here than was read at once and a line that has no end yet.
final class OutputPump: Alarm, ChildOutput, @unchecked Sendable {
  // Sendable: the variables are touched on the reactor's thread alone once `watch` was called.
  private let sink: Bound
  private let type: ContentType
  private let reactor: Reactor
  private let token: UInt64
  private var fd: CInt
  private var interest = EPOLLIN.rawValue
  private var framer: Framer
  /// Nothing more will be read.
  private var isAtEnd = false
  /// Of the wait for room.
  private var ticket: Ticket?
  private let handOver = HandOver<Void>()
  /// Once the process has ended: how many bytes were in the descriptor then and are not read yet.
  private var left: Int?
  /// Whether it reads no more than that.
  private var isDraining = false
  /// Whether descendants that still hold the descriptor have had their time.
  private var isLate = false
  /// What is done before others have their turn: bytes that are read, and some for each message.
  private static let turn = 256 << 10
  private static let retrySeconds = 0.1

  init(_ sink: Bound, _ framing: Framing, owning fd: consuming FileDescriptor, _ reactor: Reactor) {
    self.sink = sink
    self.fd = fd.release()
    self.reactor = reactor
    type = framing == .lines ? .plain : .binary
    framer = Framer(framing)
    token = reactor.makeToken()
  }

  deinit { if fd >= 0 { Glibc.close(fd) } }

  var isOpen: Bool { fd >= 0 }

  func watch(on reactor: Reactor) throws(SystemError) {
    sink.confirm()
    try reactor.watch(fd, for: interest, token: token, self)
  }

  func ready(_ events: UInt32, on reactor: Reactor) { if !pump() { reactor.post(self) } }

  override func ring() { ready(0, on: reactor) }

  func drain(on reactor: Reactor) {
    guard isOpen else { return }
    left = Int(clinux_bytes_waiting(fd))
    isDraining = true
    while !pump() {}
    isDraining = false
    ready(0, on: reactor)  // Finds the end, when nobody else holds the descriptor.
  }

  func letGo(on reactor: Reactor) {
    isLate = true
    reactor.post(self)
  }

  /// Goes on until it has to wait; false when it had its turn before.
  private func pump() -> Bool {
    var turn = Self.turn
    while isOpen {
      if ticket != nil {
        guard let outcome = handOver.take() else { return true }
        ticket = nil
        guard case .value = outcome else {
          end()
          return true
        }
      }
      guard turn > 0 else { return false }
      if let message = framer.next(isAtEnd: isAtEnd) {
        turn -= 64
        guard give(consume message) else { return true }
      } else if isAtEnd {
        end()
      } else {
        guard let count = read() else { return true }
        turn -= count
      }
    }
    return true
  }

  /// False when there is no room now, or nowhere any more.
  private func give(_ bytes: consuming Bytes) -> Bool {
    do throws(CoreError) {
      let attempted = try sink.give(Message(bytes, type)) { { [weak self] outcome in OutputPump.tell(self, outcome) } }
      framer.advance()
      if case .parked(let ticket) = attempted {
        self.ticket = ticket
        holdUp()
      }
      return true
    } catch {
      guard error.kind == .quota else {
        end()
        return false
      }
      // Memory that others have: nobody says when it is free.
      reactor.alarms.set(self, at: .after(seconds: Self.retrySeconds))
      holdUp()
      return false
    }
  }

  /// On any thread.
  private static func tell(_ pump: OutputPump?, _ outcome: Outcome<Void>) {
    if let pump, pump.handOver.hand(outcome) { pump.reactor.post(pump) }
  }

  /// Reads once and returns the number of bytes; nil when there is nothing now.
  private func read() -> Int? {
    if let left, left <= 0 {
      if isDraining { return nil }
      if isLate {
        isAtEnd = true
        return 0
      }
    }
    let buffer = reactor.buffer
    let count = Glibc.read(fd, buffer.baseAddress, buffer.count)
    if count > 0 {
      framer.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      if let left { self.left = left - count }
      return count
    }
    if count < 0, errno == EAGAIN || errno == EINTR, !isLate {
      want(EPOLLIN.rawValue)
      return nil
    }
    isAtEnd = true
    return 0
  }

  /// That the other side has gone is told once all the same, and once only.
  private func holdUp() { want(EPOLLONESHOT.rawValue) }

  private func want(_ events: UInt32) {
    guard events != interest else { return }
    interest = events
    reactor.rewatch(fd, for: events, token: token)
  }

  /// Nobody takes what the child writes any more.
  private func end() {
    guard isOpen else { return }
    reactor.unwatch(fd, token: token)
    // Another descriptor of ours may have the same socket.
    shutdown(fd, CInt(SHUT_RD))
    Glibc.close(fd)
    fd = -1
    _ = handOver.close()
    ticket?.hangUp()
    ticket = nil
    reactor.alarms.unset(self)
    sink.release()
  }
}
