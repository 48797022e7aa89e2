import CLinux
import Glibc
import Linux

/// Writes log lines to stderr from a thread of its own, so that a reader of the log who stops reading stops nobody. What
/// does not fit into a megabyte until then is dropped and counted.
final class LogWriter: Sendable {
  private struct State {
    var lines: [UInt8] = []
    var dropped = 0
    var isStopping = false
  }

  private let state = Mutex(State())
  private let available: CInt
  private let capacity = 1 << 20

  init() throws(SystemError) {
    available = try system("eventfd") { eventfd(0, CInt(EFD_CLOEXEC)) }
  }

  func start() throws(SystemError) -> Thread { try Thread("log") { self.run() } }

  /// One line, without its end.
  func append(_ line: Bytes) {
    let isFirst = state.withLock { state -> Bool in
      guard state.lines.count + line.count < capacity else {
        state.dropped += 1
        return false
      }
      let isFirst = state.lines.isEmpty
      state.lines += line.buffer
      state.lines.append(UInt8(ascii: "\n"))
      return isFirst
    }
    if isFirst { wake() }
  }

  /// Writes what there is and ends the thread.
  func stop() {
    state.withLock { $0.isStopping = true }
    wake()
  }

  private func wake() {
    var one: UInt64 = 1
    _ = Glibc.write(available, &one, 8)
  }

  private func run() {
    var isStopping = false
    while !isStopping {
      var count: UInt64 = 0
      _ = read(available, &count, 8)
      let (lines, dropped) = state.withLock { state in
        isStopping = state.isStopping
        defer {
          state.lines = []
          state.dropped = 0
        }
        return (state.lines, state.dropped)
      }
      write(lines)
      if dropped > 0 {
        write(Array(#"{"level":"warning","message":"log lines dropped","count":\#(dropped)}"#.utf8) + [10])
      }
    }
  }

  private func write(_ bytes: [UInt8]) {
    var start = 0
    while start < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(STDERR_FILENO, $0.baseAddress?.advanced(by: start), $0.count - start)
      }
      guard count > 0 else { return }  // Nobody can read it any more.
      start += count
    }
  }
}
