import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite struct ProcessOutputTests {
  let test: ManagerUnderTest

  init() throws { test = try ManagerUnderTest() }

  @Test func bothStreamsAreKeptApartAndInOrder() throws {
    let process = try test.sh("echo out; echo err >&2")
    #expect(try process.wholeOutput(.stdout) == "out\n")
    #expect(try process.wholeOutput(.stderr) == "err\n")
    #expect(Set(try process.wholeOutput(.both).split(separator: "\n")) == ["out", "err"])
  }

  @Test func stderrCanGoWhereStdoutGoes() throws {
    let process = try test.sh("echo out; echo err >&2") { $0.stderr = .stdout }
    #expect(try process.wholeOutput(.stdout) == "out\nerr\n")
    #expect(process.outputRange(.stderr).end == 0)
  }

  @Test func nullKeepsNothing() throws {
    let process = try test.sh("echo out; echo err >&2") {
      $0.stdout = .null
      $0.stderr = .null
    }
    #expect(try process.wholeOutput(.both) == "")
  }

  @Test func allThatAProcessWroteIsThereWhenItsEndIsTold() throws {
    for _ in 0..<50 {
      let process = try test.sh("head -c 60000 /dev/zero")
      _ = try process.joined()
      #expect(process.outputRange(.stdout).end == 60000)
    }
  }

  @Test func theOldestBytesMakeRoom() throws {
    var options = ProcessOptions()
    options.outputCapacity = 1000
    let test = try ManagerUnderTest(options)
    let process = try test.sh("i=0; while [ $i -lt 1000 ]; do echo $i; i=$((i+1)); done")
    let kept = try process.wholeOutput()
    #expect(kept.utf8.count == 1000)
    #expect(kept.hasSuffix("998\n999\n"))
    #expect(process.outputRange(.stdout).end == 3890)
    let buffer = Bytes(count: 10)
    #expect(process.readOutput(.stdout, at: 0, into: buffer.mutableBuffer) == .gap(to: 2890))
  }

  @Test func aReaderIsToldWhenThereIsMore() throws {
    let process = try test.sh("read line; echo $line") { $0.stdin = .pipe }
    let told = Told<Bool>()
    let attempted = try process.waitForOutput(.stdout, at: 0, until: .after(seconds: 20)) {
      { outcome in if case .value = outcome { told.tell(true) } else { told.tell(false) } }
    }
    guard case .parked = attempted else { Issue.record("\(attempted)"); return }
    _ = try process.writeInput(InputProgress(Bytes("hello\n")), thenClose: false, until: nil) { { _ in } }
    try #require(told.reached(1))
    #expect(told.all == [true])
    #expect(try process.wholeOutput() == "hello\n")
  }

  @Test func aDescendantThatHoldsThePipeHoldsNobodyUp() throws {
    let start = Deadline.now
    let process = try test.sh("sleep 100 & echo started")
    _ = try process.joined()
    #expect(try process.wholeOutput() == "started\n")
    #expect(Deadline.now.nanoseconds - start.nanoseconds < 20_000_000_000)
    process.stopQuietly()
  }

  @Test func textIsReadToItsEnd() throws {
    let text = String(repeating: "0123456789", count: 100_000)
    let process = try test.run(["/usr/bin/wc", "-c"]) { $0.stdin = .text(text) }
    #expect(try process.wholeOutput() == "1000000\n")
  }

  @Test func stdinIsEmptyUnlessAskedFor() throws {
    #expect(try test.run(["/bin/cat"]).wholeOutput() == "")
  }

  @Test func aWriteWaitsForRoomAndKeepsItsTurn() throws {
    // It reads nothing until it is told to.
    let process = try test.sh("trap : USR1; sleep 100 & echo ready; wait; kill $!; exec wc -c") { $0.stdin = .pipe }
    try #require(eventually { process.outputRange(.stdout).end > 0 })
    let told = Told<String>()
    let large = Bytes(String(repeating: "x", count: 1_000_000))
    let first = try process.writeInput(InputProgress(large), thenClose: false, until: nil) {
      { outcome in if case .value(let count) = outcome { told.tell("first \(count)") } }
    }
    guard case .parked = first else { Issue.record("a megabyte fits into no pipe"); return }
    let second = try process.writeInput(InputProgress(Bytes("y")), thenClose: true, until: nil) {
      { outcome in if case .value(let count) = outcome { told.tell("second \(count)") } }
    }
    guard case .parked = second else { Issue.record("it overtook the first"); return }
    try process.signal(SIGUSR1)
    #expect(try process.wholeOutput() == "ready\n1000001\n")
    #expect(told.all == ["first 1000000", "second 1"])
  }

  @Test func aWriteToNobodyIsABrokenPipe() throws {
    let process = try test.sh("exec 0<&-; sleep 100") { $0.stdin = .pipe }
    var broken = false
    // The shell closes its end a moment after it has started.
    #expect(
      eventually {
        broken =
          kind { _ = try process.writeInput(InputProgress(Bytes("x")), thenClose: false, until: .now) { { _ in } } }
          == .brokenPipe
        return broken
      })
    try process.kill()
    _ = try process.joined()
    #expect(
      kind { _ = try process.writeInput(InputProgress(Bytes("x")), thenClose: false, until: .now) { { _ in } } }
        == .brokenPipe)
  }
}

extension Process {
  /// Ends what is left of its tree.
  func stopQuietly() {
    let told = Told<StopReport>()
    try? stop(signal: SIGKILL, grace: 0, then: told.tell)
    _ = told.reached(1)
  }
}
