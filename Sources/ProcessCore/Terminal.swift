import CLinux
import Glibc
import Linux

/// The size of a terminal, in characters.
public struct TerminalSize: Hashable, Sendable {
  public let rows: UInt16
  public let columns: UInt16

  public init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }
}

/// Our descriptors of a child's terminal.
struct Terminal: ~Copyable {
  /// To type, and to read what it shows.
  let input, output: FileDescriptor
  /// The child's side, kept open as long as the process runs: one that closes the terminal for a while has not hung up.
  let line: FileDescriptor

  /// Takes it apart.
  consuming func give(
    _ input: inout FileDescriptor?, _ output: inout FileDescriptor?, _ line: inout FileDescriptor?
  ) {
    input = .some(self.input)
    output = .some(self.output)
    line = .some(self.line)
  }
}

extension Process {
  /// Changes the size of its terminal, whose foreground group gets SIGWINCH if that is a change.
  public func resize(_ size: TerminalSize) throws(CoreError) {
    try life.read { life throws(CoreError) in
      guard spec.terminal != nil else { throw CoreError(.noTerminal, "the process has no terminal") }
      guard case .running = life.phase, let line = life.line?.raw else {
        throw CoreError(.notRunning, "the process does not run")
      }
      do throws(SystemError) {
        try system("ioctl") { clinux_terminal_resize(line, size.rows, size.columns) }
      } catch { throw .system(error) }
      life.size = size
      rendering.expire()
    }
    publish("process.resized", [("rows", .integer(Int(size.rows))), ("cols", .integer(Int(size.columns)))])
  }

  /// The process has ended: nobody is on its side of the terminal any more but descendants.
  func hangUpTerminal() {
    guard spec.terminal != nil else { return }
    life.read { $0.line = nil }
  }
}
