import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite struct TerminalTests {
  let test: ManagerUnderTest

  init() throws { test = try ManagerUnderTest() }

  private func shell(_ script: String, rows: UInt16 = 24, columns: UInt16 = 80) throws -> Process {
    try test.sh(script) { $0.terminal = TerminalSize(rows: rows, columns: columns) }
  }

  private func text(_ process: Process) -> String {
    let bytes = Bytes(count: 1 << 20)
    guard case .bytes(let count, _) = process.readOutput(.stdout, at: 0, into: bytes.mutableBuffer) else { return "" }
    bytes.truncate(to: count)
    return bytes.text
  }

  private func type(_ text: String, into process: Process) throws {
    _ = try process.writeInput(InputProgress(Bytes(text)), thenClose: false, until: .after(seconds: 10)) { { _ in } }
  }

  @Test func itIsAControllingTerminalOnAllThree() throws {
    let process = try shell(
      "test -t 0 && test -t 1 && test -t 2 && tty && stty size && echo $TERM && : >/dev/tty; echo err >&2")
    let exit = try process.joined()
    #expect(exit.status.exitcode == 0)
    let lines = try process.wholeOutput().split(separator: "\r\n")
    #expect(lines.count == 4 && lines[0].hasPrefix("/dev/pts/"))
    #expect(lines.dropFirst() == ["24 80", "xterm", "err"])
    #expect(!process.outputRange(.stderr).isOpen && process.outputRange(.stderr).end == 0)
  }

  @Test func whatIsTypedIsEchoedAndRead() throws {
    let process = try shell("read line; echo \"<$line>\"")
    try type("hello\n", into: process)
    #expect(try process.wholeOutput() == "hello\r\n<hello>\r\n")
  }

  @Test func aKeyIsASignal() throws {
    let process = try shell("echo ready; exec sleep 100")
    try #require(eventually { text(process).contains("ready") })
    try type("\u{3}", into: process)
    #expect(try process.joined().status.exitcode == -SIGINT)
  }

  @Test func aNewSizeIsSeenAndTold() throws {
    let process = try shell("trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done")
    try #require(eventually { text(process).contains("ready") })
    try process.resize(TerminalSize(rows: 50, columns: 132))
    #expect(process.snapshot.size == TerminalSize(rows: 50, columns: 132))
    #expect(try process.wholeOutput().hasSuffix("50 132\r\n"))
    #expect(kind { try process.resize(TerminalSize(rows: 1, columns: 1)) } == .notRunning)
  }

  @Test func withoutATerminalThereIsNoSize() throws {
    let process = try test.run(["/bin/sleep", "100"])
    #expect(kind { try process.resize(TerminalSize(rows: 1, columns: 1)) } == .noTerminal)
    #expect(process.snapshot.size == nil)
    process.stopQuietly()
  }

  /// One that ends at once has written more than anybody had read by then.
  @Test(arguments: [1, 5000, 60_000]) func theLastBytesAreKept(count: Int) throws {
    let process = try shell("stty -opost; exec head -c \(count) /dev/zero")
    _ = try process.joined()
    #expect(process.outputRange(.stdout).end == UInt64(count), "all is there when its end is told")
    #expect(eventually { !process.outputRange(.stdout).isOpen })
  }

  /// A terminal that nobody has open for a moment is not over.
  @Test func itIsThereForOneThatComesBack() throws {
    let process = try shell("exec <&- >&- 2>&-; sleep 0.2; echo back >/dev/tty")
    #expect(try process.wholeOutput() == "back\r\n")
  }

  /// The kernel sends SIGHUP to the foreground when the process has ended.
  @Test func descendantsAreHungUp() throws {
    let process = try shell("sleep 100 & echo early")
    #expect(try process.wholeOutput() == "early\r\n")
    let told = Told<StopReport>()
    try process.stop(signal: SIGKILL, grace: 0, then: told.tell)
    try #require(told.reached(1, within: 30))
    #expect(told.all[0].ended.isEmpty)
  }

  @Test func itHasNoEndOfItsOwn() throws {
    let process = try shell("exec cat")
    let progress = InputProgress(Bytes("x"))
    #expect(
      kind { _ = try process.writeInput(progress, thenClose: true, until: nil) { { _ in } } }
        == .invalid(pointer: "?close"))
    try type("a\n\u{4}", into: process)
    #expect(try process.wholeOutput() == "a\r\na\r\n")
  }

  @Test func whatElseIsGivenForItsStreamsIsRefused() {
    for (pointer, change) in [
      ("/stdin", { $0.stdin = .null }), ("/stdout", { $0.stdout = .null }), ("/stderr", { $0.stderr = .capture }),
    ] as [(String, (inout ProcessTemplate) -> Void)] {
      var template = ProcessTemplate()
      template.command = ["true"]
      template.terminal = TerminalSize(rows: 1, columns: 1)
      change(&template)
      #expect(kind { _ = try test.manager.resolve(template) } == .invalid(pointer: pointer))
    }
  }

  @Test func signalsMayBeginBlocked() throws {
    let process = try test.run(["/bin/grep", "SigBlk", "/proc/self/status"]) { $0.blockedSignals = [SIGINT, SIGUSR1] }
    #expect(try process.wholeOutput() == "SigBlk:\t0000000000000202\n")
  }
}
