import CLinux
import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Until its program runs, a child has every descriptor that we had when it was made, also those that were for another.
@Suite struct SpawnWindowTests {
  /// A child that stands still before its program runs, until it is let go on.
  private final class StandingChild {
    private let gate: [CInt]
    private let thread: Linux.Thread

    init() throws {
      var gate: [CInt] = [-1, -1]
      try system("pipe2") { clinux_pipe(&gate) }
      self.gate = gate
      _ = fcntl(gate[1], F_SETFL, O_NONBLOCK)
      let bytes = [UInt8](repeating: 0, count: 4096)
      while Glibc.write(gate[1], bytes, bytes.count) > 0 {}
      let announced = Linux.Mutex<AnnouncedPid?>(nil)
      // Entering a cgroup is writing to a file, and this one has no room.
      let file = "/proc/self/fd/\(gate[1])"
      thread = try Linux.Thread("standing") {
        do {
          var spawner = try Spawner()
          announced.withLock { [other = spawner.announced] in $0 = other }
          var request = SpawnRequest(command: ["/bin/true"])
          request.cgroups = [file]
          let child = try spawner.spawn(request)
          #expect(end(of: child.pidfd).exitcode == 0)
        } catch {
          Issue.record(error)
        }
      }
      try #require(eventually { announced.withLock { $0 }.map { $0.load() != 0 } ?? false })
    }

    func goOn() {
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      _ = read(gate[0], &bytes, bytes.count)
      thread.join()
      for fd in gate { close(fd) }
    }
  }

  /// A program that writes a line without an end when it is told to, and a child that has the pipe for it too.
  private struct Both {
    let test: ManagerUnderTest
    let queue: Queue
    let process: Process
    let other: StandingChild

    init(drainSeconds: Double) throws {
      var options = ProcessOptions()
      options.drainSeconds = drainSeconds
      test = try ManagerUnderTest(options)
      queue = try test.manager.commons.queues.create(Name("q"), .init(), in: test.manager.commons)
      let folder = try temporaryDirectory()
      process = try test.sh("while [ ! -e \(folder)/go ]; do sleep 0.01; done; printf last") {
        $0.stdout = .bound(.queue("q"))
      }
      let pid = try #require(process.snapshot.pid)
      let stdout = try system("open") { open("/proc/\(pid)/fd/1", O_WRONLY | O_CLOEXEC) }
      other = try StandingChild()
      close(stdout)
      try write("", to: "\(folder)/go", mode: 0o600)
      #expect(eventually { ProcFile().stat(pid).map { $0.state == UInt8(ascii: "Z") } ?? true })
    }
  }

  @Test func theLastLineIsThereThoughAnotherIsJustStarting() throws {
    let both = try Both(drainSeconds: 30)
    // Long enough for the end to be told.
    #expect(!eventually(within: 0.1) { both.process.snapshot.exit != nil })
    both.other.goOn()
    #expect(try both.process.joined().status.exitcode == 0)
    #expect(try both.queue.all().map(\.text) == ["last"])
  }

  /// Or one that ends at once would not be seen to have written all.
  @Test func nothingOfTheChildsIsOursWhenItsEndIsLookedFor() throws {
    let test = try ManagerUnderTest()
    _ = try test.manager.commons.queues.create(Name("q"), .init(), in: test.manager.commons)
    var template = ProcessTemplate()
    template.command = ["/bin/sleep", "100"]
    template.stdout = .bound(.queue("q"))
    let process = try test.manager.create(nil, template)
    let told = Told<Result<ProcessSnapshot, CoreError>>()
    let ends = Told<[Substring]>()
    try process.start(
      whenRunning: {
        let pipe = process.snapshot.pid.map { link("/proc/\($0)/fd/1") } ?? ""
        let ours = (0..<4096).filter { link("/proc/self/fd/\($0)") == pipe }
        // What may be done is the last digit of the flags: 0 is for reading, 1 for writing.
        ends.tell(ours.map { contents(of: "/proc/self/fdinfo/\($0)")?.split(separator: "\n")[1].suffix(1) ?? "" })
      }, then: told.tell)
    try #require(told.reached(1))
    #expect(ends.all == [["0"]])
    process.stopQuietly()
  }

  @Test func theEndIsToldInTimeThoughAnotherNeverStarts() throws {
    let both = try Both(drainSeconds: 0.05)
    defer { both.other.goOn() }
    #expect(try both.process.joined().status.exitcode == 0)
    #expect(try both.queue.nextText() == "last")
  }
}

/// What a descriptor is.
private func link(_ path: String) -> String {
  var target = [CChar](repeating: 0, count: 100)
  let count = readlink(path, &target, target.count)
  return String(decoding: target.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
