import CMicroHTTPD
import Linux

/// A response's body that is pulled from its source as the client reads it.
final class StreamBody: Sendable {
  private let source: any BodySource
  private let standstill = Standstill()

  init(_ source: any BodySource) { self.source = source }

  /// Reads once, and once more for each wake that came before there was anything to suspend.
  func read(into buffer: UnsafeMutableRawBufferPointer, for connection: Connection) -> Int {
    guard !connection.isHungUp else { return connection.endBody() }
    while true {
      standstill.move()
      switch source.read(into: buffer, wake: { [self] in standstill.wake() }) {
      case .bytes(let count) where count > 0:
        connection.progress()
        return count
      case .bytes, .end: return Int(cmhd_end_of_stream)
      case .abort:
        connection.loop.expectComplaint()
        return Int(cmhd_end_with_error)
      case .parked:
        guard !connection.loop.isDraining else { return Int(cmhd_end_of_stream) }
        if standstill.park(connection) {
          connection.suspend(.stream(self))
          return 0
        }
      }
    }
  }

  /// True when the connection is suspended and nobody else is about to resume it.
  func interrupt() -> Bool { standstill.interrupt() }

  /// The response is over.
  func close() {
    standstill.end()
    source.close()
  }
}
