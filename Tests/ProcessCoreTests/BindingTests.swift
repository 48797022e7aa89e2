import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Descriptors of processes that are bound to queues and pipes.
@Suite struct BindingTests {
  let test: ManagerUnderTest
  private var commons: Commons { test.manager.commons }

  init() throws { test = try ManagerUnderTest() }

  private func queue(_ name: String = "q", _ settings: Queue.Settings = .init()) throws -> Queue {
    try commons.queues.create(Name(name), settings, in: commons)
  }

  private func pipe(_ settings: ProcessCore.Pipe.Settings = .init()) throws -> ProcessCore.Pipe {
    try commons.pipes.create(Name("p"), settings, in: commons)
  }

  @Test func eachLineIsAMessage() throws {
    let queue = try queue()
    let process = try test.sh("printf 'one\\n\\ntwo\\r\\nlast'") { $0.stdout = .bound(.queue("q")) }
    _ = try process.joined()
    // Children that other suites start, without a spawner, may have the pipe a little longer.
    #expect(eventually { queue.snapshot.count == 4 })
    let lines = try queue.all()
    #expect(lines.map(\.text) == ["one", "", "two\r", "last"])
    #expect(lines.allSatisfy { $0.first.type.text == "text/plain" })
    #expect(process.outputRange(.stdout).end == 0)
  }

  @Test func allLinesAreThereWhenTheEndIsTold() throws {
    for round in 0..<20 {
      let queue = try queue("q\(round)")
      let process = try test.run(["/usr/bin/seq", "1", "10000"]) { $0.stdout = .bound(.queue("q\(round)")) }
      _ = try process.joined()
      #expect(queue.snapshot.count == 10000)
      #expect(try queue.all().map(\.text) == (1...10000).map { "\($0)" })
    }
  }

  @Test func aLineThatIsTooLongComesInPieces() throws {
    let queue = try queue()
    let process = try test.sh("head -c 2500000 /dev/zero | tr '\\0' x; echo; echo short") {
      $0.stdout = .bound(.queue("q"))
    }
    _ = try process.joined()
    #expect(try queue.all().map(\.text.utf8.count) == [1 << 20, 1 << 20, 2_500_000 - 2 << 20, 5])
  }

  @Test func rawBytesComeAsTheyAreRead() throws {
    let queue = try queue()
    let process = try test.sh("printf 'a\\nb'; printf c >&2") {
      $0.stdout = .bound(.queue("q", .raw))
      $0.stderr = .stdout
    }
    _ = try process.joined()
    let messages = try queue.all()
    #expect(messages.map(\.text).joined() == "a\nbc" && messages.allSatisfy { $0.first.type === ContentType.binary })
  }

  @Test func messagesAreLinesOfStdin() throws {
    let queue = try queue()
    try queue.putNow("before")
    let process = try test.run(["/bin/cat"]) { $0.stdin = .bound(.queue("q")) }
    for text in ["", "two\nin one", "last"] { try queue.putNow(text) }
    #expect(eventually { process.outputRange(.stdout).end == 24 })
    queue.close()
    #expect(try process.wholeOutput() == "before\n\ntwo\nin one\nlast\n")
    #expect(queue.snapshot.bytes == 0)
  }

  @Test func messagesGoIntoStdinAsTheyAre() throws {
    let queue = try queue()
    for text in ["a", "", "b\n", "c"] { try queue.putNow(text) }
    queue.close()
    let process = try test.run(["/bin/cat"]) { $0.stdin = .bound(.queue("q", .raw)) }
    #expect(try process.wholeOutput() == "ab\nc")
  }

  @Test func aQueueThatIsFullHoldsItsProducerUp() throws {
    let queue = try queue("q", .init(maxsize: 10))
    let process = try test.sh("echo $$; exec yes") { $0.stdout = .bound(.queue("q")) }
    #expect(eventually { queue.waiterCount == 1 && queue.snapshot.count == 10 })
    // It sleeps in its write: the kernel's pipe is full.
    let pid = try #require(process.snapshot.pid)
    #expect(eventually { isAsleep(pid) })
    #expect(try queue.textNow() == "\(pid)")
    for _ in 0..<20_000 { #expect(try queue.nextText() == "y") }
    #expect(eventually { queue.waiterCount == 1 && queue.snapshot.count == 10 })
    try process.kill()
    _ = try process.joined()
    // What it wrote and nobody has taken is still there, in the kernel, and comes as there is room.
    var rest = 0
    while try queue.nextText(within: rest == 0 ? 10 : 0.2) == "y" { rest += 1 }
    #expect(rest > 1000 && rest < 200_000)
  }

  @Test func aQueueThatGoesBreaksThePipeOfItsProducer() throws {
    let queue = try queue("q", .init(maxsize: 1))
    let yes = try test.run(["/usr/bin/yes"]) { $0.stdout = .bound(.queue("q")) }
    #expect(eventually { queue.waiterCount == 1 })
    queue.close()
    #expect(try yes.joined().status.exitcode == -SIGPIPE)
    #expect(queue.snapshot.count == 1)
  }

  @Test func producersWaitForMemoryThatOthersHave() throws {
    var options = ProcessOptions()
    options.queues.bytes = 100_000
    let test = try ManagerUnderTest(options)
    let queue = try test.manager.commons.queues.create(Name("q"), .init(), in: test.manager.commons)
    let process = try test.run(["/usr/bin/seq", "1", "20000"]) { $0.stdout = .bound(.queue("q")) }
    #expect(eventually { queue.snapshot.bytes > 99_000 })
    for number in 1...20000 { #expect(try queue.nextText() == "\(number)") }
    #expect(try process.joined().status.exitcode == 0)
  }

  @Test func whatAProcessDidNotReadGoesBackToTheHead() throws {
    let queue = try queue()
    let large = String(repeating: "x", count: 1_000_000)
    try queue.putNow(large)
    try queue.putNow("second")
    let process = try test.run(["/bin/sleep", "100"]) { $0.stdin = .bound(.queue("q")) }
    #expect(eventually { queue.snapshot.count == 1 })
    try process.kill()
    _ = try process.joined()
    let delivery = try #require(try queue.now())
    #expect(delivery.text == large && delivery.first.deliveries == 1)
    #expect(try queue.textNow() == "second")
    try queue.putNow("third")
    #expect(try queue.textNow() == "third", "nobody waits for it any more")
  }

  @Test func aProcessThatClosesItsStdinTakesNothingMore() throws {
    let pipe = try pipe()
    let process = try test.sh("exec 0<&-; echo closed; sleep 100") { $0.stdin = .bound(.end(0, of: "p")) }
    #expect(eventually { !pipe.end(0).snapshot.isOpen })
    #expect(kind { try pipe.end(1).sendNow("x") } == .brokenPipe)
    #expect(process.snapshot.isAlive)
    process.stopQuietly()
  }

  @Test func aPipeGoesIntoAProcessAndOutOfIt() throws {
    let pipe = try pipe()
    let process = try test.run(["/bin/cat"]) {
      $0.stdin = .bound(.end(0, of: "p"))
      $0.stdout = .bound(.end(0, of: "p"))
    }
    #expect(pipe.end(0).snapshot.holders == 2 && pipe.holders.allSatisfy { $0.session == process.snapshot.session })
    try pipe.end(1).sendNow("hello\n")
    #expect(try pipe.end(1).nextText() == "hello\n")
    try pipe.end(1).close(for: nil)
    #expect(try process.joined().status.exitcode == 0)
    #expect(!pipe.end(0).snapshot.isOpen)
  }

  @Test func theEndOfAProcessIsTheEndOfItsEnd() throws {
    let pipe = try pipe(.init(isDuplex: false, capacity: 1000))
    try pipe.end(1).sendNow("x")
    let process = try test.sh("head -c 50000 /dev/zero") { $0.stdout = .bound(.end(1, of: "p")) }
    _ = try process.joined()
    #expect(pipe.end(1).snapshot.isOpen, "what it wrote is not through yet")
    #expect(try pipe.end(0).textNow() == "x")
    var count = 0
    while let delivery = try pipe.end(0).next() { count += delivery.first.bytes.count }
    #expect(count == 50000)
    #expect(kind { _ = try pipe.end(0).receiveNow() } == .endOfFile)
  }

  @Test func descendantsHoldUpNobodyForLong() throws {
    let pipe = try pipe()
    let process = try test.sh("sleep 100 & echo hello") { $0.stdout = .bound(.end(1, of: "p")) }
    #expect(try pipe.end(0).nextText() == "hello\n")
    #expect(eventually { !pipe.end(1).snapshot.isOpen })
    process.stopQuietly()
  }

  @Test func aDescriptorIsASocketWhereThePipeGoesBothWays() throws {
    let pipe = try pipe()
    let script = "test -S /proc/self/fd/7 && read line <&7 && echo \"<$line>\" >&7 && cat <&7 && echo end >&7"
    let process = try test.run(["/bin/bash", "-c", script]) {
      $0.descriptors = [.init(7, .bound(.end(0, of: "p")))]
    }
    try pipe.end(1).sendNow("line\n")
    #expect(try pipe.end(1).nextText() == "<line>\n")
    try pipe.end(1).sendNow("rest")
    #expect(eventually { process.outputRange(.stdout).end == 4 })
    // The end of the one direction, not yet of the other.
    try pipe.end(1).close(for: nil)
    #expect(try process.joined().status.exitcode == 0)
    #expect(try process.wholeOutput() == "rest")
  }

  @Test func aDescriptorIsAPipeWhereThePipeGoesOneWay() throws {
    let pipe = try pipe(.init(isDuplex: false))
    let reader = try test.run(["/bin/bash", "-c", "test -p /proc/self/fd/3 && cat <&3"]) {
      $0.descriptors = [.init(3, .bound(.end(0, of: "p")))]
    }
    let writer = try test.run(["/bin/bash", "-c", "test -p /proc/self/fd/255 && echo hello >&255"]) {
      $0.descriptors = [.init(255, .bound(.end(1, of: "p")))]
    }
    #expect(try writer.joined().status.exitcode == 0)
    #expect(try reader.wholeOutput() == "hello\n")
    #expect(!pipe.end(0).snapshot.isOpen && !pipe.end(1).snapshot.isOpen)
  }

  @Test func twoProcessesAreJoined() throws {
    _ = try pipe(.init(isDuplex: false))
    let count = 100_000_000
    let source = "seq 1 20000000 | head -c \(count)"
    let reader = try test.run(["/usr/bin/cksum"]) { $0.stdin = .bound(.end(0, of: "p")) }
    let writer = try test.sh(source) { $0.stdout = .bound(.end(1, of: "p")) }
    let expected = try test.sh("\(source) | cksum").wholeOutput()
    #expect(try writer.joined(within: 120).status.exitcode == 0)
    _ = try reader.joined(within: 120)
    #expect(try reader.wholeOutput() == expected)
    #expect(expected.hasSuffix(" \(count)\n"))
  }

  @Test func aReaderThatIsKilledStopsTheWriter() throws {
    let pipe = try pipe(.init(isDuplex: false))
    let writer = try test.run(["/usr/bin/yes"]) { $0.stdout = .bound(.end(1, of: "p")) }
    let reader = try test.sh("head -c 1000 >/dev/null; sleep 100") { $0.stdin = .bound(.end(0, of: "p")) }
    #expect(eventually { pipe.end(1).snapshot.sending == 1 })
    try reader.kill()
    _ = try reader.joined()
    #expect(try writer.joined().status.exitcode == -SIGPIPE)
    #expect(!pipe.end(0).snapshot.isOpen && !pipe.end(1).snapshot.isOpen)
    #expect(pipe.end(0).snapshot.messages == 0 && commons.queuedBytes.used == 0)
  }

  @Test func anotherHolderOfTheEndFindsWhatAKilledOneLeft() throws {
    let pipe = try pipe()
    let session = try commons.sessions.create(nil, .init(), in: commons)
    try pipe.end(0).open(for: session)
    let large = String(repeating: "x", count: 1_000_000)
    try pipe.end(1).sendNow(large)
    let process = try test.run(["/bin/sleep", "100"]) { $0.stdin = .bound(.end(0, of: "p")) }
    #expect(eventually { pipe.end(0).snapshot.messages == 0 })
    try process.kill()
    _ = try process.joined()
    #expect(pipe.end(0).snapshot.holders == 1)
    #expect(try pipe.end(0).textNow() == large)
  }

  @Test(
    arguments: [
      Fault("/stdin/queue") { $0.stdin = .bound(.queue("none")) },
      Fault("/stdout/queue") { $0.stdout = .bound(.queue("none")) },
      Fault("/stderr/pipe") { $0.stderr = .bound(.end(0, of: "none")) },
      Fault("/fds/3/pipe") { $0.descriptors = [.init(3, .bound(.end(0, of: "none")))] },
      Fault("/stdin/end") { $0.stdin = .bound(.end(1, of: "p")) },
      Fault("/stdout/end") { $0.stdout = .bound(.end(0, of: "p")) },
    ] as [Fault])
  func whatIsNotThereIsTheSpecificationsFault(_ fault: Fault) throws {
    let pipe = try pipe(.init(isDuplex: false))
    #expect(kind { _ = try test.run(["/bin/true"], fault.change) } == .invalid(pointer: fault.pointer))
    #expect(pipe.end(0).snapshot.isOpen && pipe.end(1).snapshot.isOpen)
    #expect(test.manager.processes.count == 0)
  }

  @Test func whatCannotBeStartedClosesNothing() throws {
    let pipe = try pipe()
    let bind: (inout ProcessTemplate) -> Void = { $0.stdin = .bound(.end(0, of: "p")) }
    guard case .spawn = kind({ _ = try test.run(["/no/such/program"], bind) }) else { Issue.record("started"); return }
    #expect(pipe.end(0).snapshot.isOpen && pipe.end(0).snapshot.holders == 0)
    try pipe.end(0).close(for: nil)
    #expect(kind { _ = try test.run(["/bin/true"], bind) } == .closed)
  }

  @Test func classesMergeDescriptorsByNumber() throws {
    var base = ProcessTemplate(), own = ProcessTemplate()
    base.command = ["/bin/true"]
    base.stdin = .bound(.queue("q"))
    base.descriptors = [.init(4, .bound(.end(0, of: "p"))), .init(3, .bound(.end(0, of: "p")))]
    own.descriptors = [.init(4, .bound(.end(1, of: "p")))]
    let spec = try own.merged(onto: base).resolved(className: nil)
    #expect(spec.stdin == .bound(.queue("q")))
    #expect(spec.descriptors == [.init(3, .bound(.end(0, of: "p"))), .init(4, .bound(.end(1, of: "p")))])
  }

  @Test func manyProcessesShareOneQueue() throws {
    let input = try queue("in"), output = try queue("out")
    let workers = try (0..<4).map { _ in
      try test.run(["/bin/cat"]) {
        $0.stdin = .bound(.queue("in"))
        $0.stdout = .bound(.queue("out"))
      }
    }
    for number in 0..<2000 { try input.putNow("\(number)") }
    input.close()
    for worker in workers { #expect(try worker.joined().status.exitcode == 0) }
    #expect(Set(try output.all().map(\.text)) == Set((0..<2000).map { "\($0)" }))
  }
}
