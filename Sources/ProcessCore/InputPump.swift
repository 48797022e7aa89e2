import CLinux
import Glibc
import Linux

/// Writes what comes to a queue or to an end of a pipe into a descriptor of a child.
///
/// It takes a message when the one before was written whole, so that no more than one is on its way. What was not written
/// when the child closes the descriptor, or ends, goes back to the head.
final class InputPump: ReactorSource, @unchecked Sendable {
  // Sendable: the variables are touched on the reactor's thread alone once `watch` was called.
  private let source: Bound
  private let framing: Framing
  private let reactor: Reactor
  private let token: UInt64
  private var fd: CInt
  private var interest: UInt32 = 0
  /// What is being written, and how many bytes of it are.
  private var current: Delivery?
  private var done = 0
  /// Of the wait for the next message.
  private var ticket: Ticket?
  private let handOver = HandOver<Delivery>()
  /// How many bytes are written before others have their turn.
  private static let turn = 256 << 10

  init(_ source: Bound, _ framing: Framing, owning fd: consuming FileDescriptor, _ reactor: Reactor) {
    self.source = source
    self.framing = framing
    self.fd = fd.release()
    self.reactor = reactor
    token = reactor.makeToken()
  }

  deinit { if fd >= 0 { Glibc.close(fd) } }

  /// Begins.
  func watch() throws(SystemError) {
    source.confirm()
    try reactor.watch(fd, for: 0, token: token, self)  // For errors alone: that the child has closed it is one.
    reactor.post(self)
  }

  func ready(_ events: UInt32, on reactor: Reactor) {
    if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { return end() }
    var left = Self.turn
    while fd >= 0, let delivery = next() {
      guard left > 0 else { return reactor.post(self) }
      switch write(delivery.first.bytes) {
      case let count where count >= 0:
        done += count
        left -= count + 64
        if done == size(delivery) { arrived() }
      case -Int(EAGAIN): return want(EPOLLOUT.rawValue)
      case -Int(EINTR): break
      default: return end()
      }
    }
    want(0)
  }

  private func arrived() {
    current = nil
    done = 0
  }

  /// Ends the child's input. Called again it does nothing.
  func end() {
    guard fd >= 0 else { return }
    reactor.unwatch(fd, token: token)
    // Another descriptor of ours may have the same socket.
    shutdown(fd, CInt(SHUT_WR))
    Glibc.close(fd)
    fd = -1
    if case .value(let delivery) = handOver.close() { delivery.putBack() }
    ticket?.hangUp()
    ticket = nil
    current?.putBack()
    current = nil
    source.release()
  }

  /// What is to be written now; nil when that is yet to come, or nothing will.
  private func next() -> Delivery? {
    if let current { return current }
    if ticket != nil {
      guard let outcome = handOver.take() else { return nil }
      ticket = nil
      guard case .value(let delivery) = outcome else {
        end()
        return nil
      }
      current = delivery
      return delivery
    }
    do throws(CoreError) {
      switch try source.take(orPark: { { [weak self] outcome in InputPump.tell(self, outcome) } }) {
      case .done(let delivery): current = delivery
      case .parked(let ticket): self.ticket = ticket
      case .timedOut: preconditionFailure("a wait without a deadline is never over")
      }
    } catch {
      end()
    }
    return current
  }

  /// On any thread.
  private static func tell(_ pump: InputPump?, _ outcome: Outcome<Delivery>) {
    if let pump, pump.handOver.hand(outcome) {
      pump.reactor.post(pump)
    } else if case .value(let delivery) = outcome {
      delivery.putBack()
    }
  }

  private func size(_ delivery: Delivery) -> Int { delivery.first.bytes.count + (framing == .lines ? 1 : 0) }

  /// How many bytes were written, or the negative of what errno says.
  private func write(_ message: Bytes) -> Int {
    var lineFeed: UInt8 = 0x0A
    return withUnsafeMutablePointer(to: &lineFeed) { lineFeed in
      let text = min(done, message.count)
      var parts = (
        iovec(iov_base: message.start + text, iov_len: message.count - text), iovec(iov_base: lineFeed, iov_len: 1)
      )
      let count = withUnsafePointer(to: &parts.0) { writev(fd, $0, framing == .lines ? 2 : 1) }
      return count < 0 ? -Int(errno) : count
    }
  }

  private func want(_ events: UInt32) {
    guard fd >= 0, events != interest else { return }
    interest = events
    reactor.rewatch(fd, for: events, token: token)
  }
}
