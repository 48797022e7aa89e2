import CMicroHTTPD
import Linux

/// A response's body that is pulled from its source as the client reads it.
///
/// The loop reads; any thread may wake. As with a reply, exactly one side resumes the connection after each suspension.
final class StreamBody: Sendable {
  private enum State {
    case reading, woken, over
    case parked(Connection)
  }

  private let source: any BodySource
  private let state = Mutex(State.reading)

  init(_ source: any BodySource) { self.source = source }

  /// Reads once, and once more for each wake that came before there was anything to suspend.
  func read(into buffer: UnsafeMutableRawBufferPointer, for connection: Connection) -> Int {
    guard !connection.isHungUp else { return connection.endBody() }
    while true {
      state.withLock { state in if case .woken = state { state = .reading } }
      switch source.read(into: buffer, wake: { [self] in wake() }) {
      case .bytes(let count) where count > 0:
        connection.progress()
        return count
      case .bytes, .end: return Int(cmhd_end_of_stream)
      case .abort:
        connection.loop.expectComplaint()
        return Int(cmhd_end_with_error)
      case .parked:
        guard !connection.loop.isDraining else { return Int(cmhd_end_of_stream) }
        let isParked = state.withLock { state -> Bool in
          if case .woken = state { return false }
          state = .parked(connection)
          return true
        }
        if isParked {
          connection.suspend(.stream(self))
          return 0
        }
      }
    }
  }

  private func wake() {
    let connection = state.withLock { state -> Connection? in
      switch state {
      case .reading, .woken:
        state = .woken
        return nil
      case .parked(let connection):
        state = .woken
        return connection
      case .over: return nil
      }
    }
    if let connection { connection.loop.makeReady(connection) }
  }

  /// True when the connection is suspended and nobody else is about to resume it.
  func interrupt() -> Bool {
    state.withLock { state in
      guard case .parked = state else { return false }
      state = .woken
      return true
    }
  }

  /// The response is over.
  func close() {
    state.withLock { $0 = .over }
    source.close()
  }
}
