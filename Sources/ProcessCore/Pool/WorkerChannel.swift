import CLinux
import DequeModule
import Glibc
import Linux

/// The service's end of the socket between it and a worker.
///
/// Frames are queued in order by whoever has decided on them, and written by whoever comes first: mostly the very thread
/// that queued them. Nobody waits: what the socket does not take is written when the reactor says that there is room. What
/// the worker writes is read by one thread at a time: the reactor's, and once more by whoever sees the worker's end.
final class WorkerChannel: ReactorSource {
  private struct Outbox {
    var pieces: Deque<ByteSlice> = []
    var isWriting = false
    var isFull = false
    var isClosed = false
  }

  /// Locked while it is read and what has come is passed on, so that this is done in order.
  private struct Inbox: ~Copyable {
    var reader: FrameReader
    var receive: Receiver?
    var ended: (@Sendable (_ isBroken: Bool) -> Void)?
    var isOpen = true
  }

  /// A frame's head and its body; no body when that was too long.
  typealias Receiver = @Sendable (_ head: UnsafeRawBufferPointer, _ body: Bytes?) -> Void

  private let fd: CInt
  private let token: UInt64
  private let reactor: Reactor
  private let outbox = Mutex(Outbox())
  private let inbox: Mutex<Inbox>

  /// No call on `descriptor` blocks.
  init(owning descriptor: CInt, on reactor: Reactor, bodyLimit: Int) {
    fd = descriptor
    self.reactor = reactor
    token = reactor.makeToken()
    inbox = Mutex(Inbox(reader: FrameReader(bodyLimit: bodyLimit)))
  }

  deinit { if !outbox.withLock({ $0.isClosed }) { Glibc.close(fd) } }

  /// Begins to read. `ended` is told once when nothing more will come, and whether what came was no frame.
  func watch(_ receive: @escaping Receiver, ended: @escaping @Sendable (_ isBroken: Bool) -> Void) throws(SystemError) {
    inbox.withLock { inbox in
      inbox.receive = receive
      inbox.ended = ended
    }
    try reactor.watch(fd, for: EPOLLIN.rawValue, token: token, self)
  }

  // MARK: Writing

  /// Puts a frame behind the others. Somebody has to call `flush` afterwards.
  func queue(_ frame: Frame) {
    outbox.withLock { $0.pieces.append(contentsOf: frame.pieces) }
  }

  /// Writes what is queued, unless another thread does already.
  func flush() {
    while var batch = take() {
      guard write(&batch) else { return }
    }
  }

  private func take() -> Deque<ByteSlice>? {
    outbox.withLock { outbox in
      guard !outbox.isWriting, !outbox.isFull, !outbox.isClosed, !outbox.pieces.isEmpty else { return nil }
      outbox.isWriting = true
      defer { outbox.pieces = [] }
      return outbox.pieces
    }
  }

  /// False when the socket is full.
  private func write(_ batch: inout Deque<ByteSlice>) -> Bool {
    var isFull = false
    var isBroken = false
    while !batch.isEmpty, !isFull, !isBroken {
      let count = send(batch)
      if count >= 0 {
        batch.advance(by: count)
      } else if errno == EAGAIN {
        isFull = true
      } else if errno != EINTR {
        isBroken = true  // The worker has gone, and whoever watches it knows what becomes of its tasks.
      }
    }
    let isToClose = outbox.withLock { outbox in
      outbox.isWriting = false
      if isFull, !outbox.isClosed {
        outbox.isFull = true
        outbox.pieces.prepend(contentsOf: batch)
        // Under the lock: nobody closes the descriptor meanwhile.
        reactor.rewatch(fd, for: EPOLLIN.rawValue | EPOLLOUT.rawValue, token: token)
      }
      return outbox.isClosed
    }
    if isToClose { Glibc.close(fd) }
    return !isFull
  }

  private func send(_ batch: Deque<ByteSlice>) -> Int {
    let count = min(batch.count, 64)
    return withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vectors in
      for (index, piece) in batch.prefix(count).enumerated() {
        vectors[index] = iovec(iov_base: UnsafeMutableRawPointer(mutating: piece.start), iov_len: piece.count)
      }
      var message = msghdr()
      message.msg_iov = vectors.baseAddress
      message.msg_iovlen = count
      return sendmsg(fd, &message, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
    }
  }

  // MARK: Reading

  func ready(_ events: UInt32, on reactor: Reactor) {
    if events & EPOLLOUT.rawValue != 0 {
      reactor.rewatch(fd, for: EPOLLIN.rawValue, token: token)
      outbox.withLock { $0.isFull = false }
      flush()
    }
    if events & ~EPOLLOUT.rawValue != 0 { inbox.withLock { drain(&$0, with: reactor.buffer) } }
  }

  /// Takes all that has come until now, and lets go of the socket.
  func finish() {
    let buffer = Bytes(count: 64 << 10)
    inbox.withLock { inbox in
      inbox.ended = nil
      drain(&inbox, with: buffer.mutableBuffer)
      close(&inbox)
    }
  }

  private func drain(_ inbox: inout Inbox, with buffer: UnsafeMutableRawBufferPointer) {
    while inbox.isOpen, let receive = inbox.receive {
      let count: Int
      if let destination = inbox.reader.destination {
        count = recv(fd, destination.baseAddress, destination.count, CInt(MSG_DONTWAIT))
        if count > 0 { inbox.reader.filled(count, receive) }
      } else {
        count = recv(fd, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
        if count > 0 {
          do throws(FrameReader.Failure) {
            try inbox.reader.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]), receive)
          } catch { return end(&inbox, isBroken: true) }
          if count < buffer.count { return }
        }
      }
      if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { return end(&inbox, isBroken: false) }
      if count < 0, errno == EAGAIN { return }
    }
  }

  private func end(_ inbox: inout Inbox, isBroken: Bool) {
    let ended = inbox.ended
    close(&inbox)
    ended?(isBroken)
  }

  private func close(_ inbox: inout Inbox) {
    guard inbox.isOpen else { return }
    inbox.isOpen = false
    inbox.receive = nil
    inbox.ended = nil
    reactor.unwatch(fd, token: token)
    let isOurs = outbox.withLock { outbox in
      outbox.isClosed = true
      outbox.pieces = []
      return !outbox.isWriting
    }
    if isOurs { Glibc.close(fd) }
  }
}

extension Deque<ByteSlice> {
  /// Forgets the first `count` bytes.
  fileprivate mutating func advance(by count: Int) {
    var left = count
    while left > 0 || first?.count == 0, let piece = popFirst() {
      guard piece.count > left else {
        left -= piece.count
        continue
      }
      prepend(ByteSlice(piece.bytes, piece.range.lowerBound + left..<piece.range.upperBound))
      left = 0
    }
  }
}
