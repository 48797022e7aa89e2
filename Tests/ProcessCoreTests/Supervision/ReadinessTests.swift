import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite struct ReadinessTests {
  let test: ManagerUnderTest

  init() throws { test = try ManagerUnderTest() }

  private func run(
    _ script: String, _ sign: ProcessSpec.Readiness.Sign, _ change: (inout ProcessTemplate) -> Void = { _ in }
  ) throws -> Process {
    try test.sh(script) {
      $0.readiness = ProcessSpec.Readiness(sign, interval: 0.02)
      $0.stdin = .pipe
      change(&$0)
    }
  }

  private func tell(_ process: Process, _ line: String) throws {
    let bytes = InputProgress(Bytes(line + "\n"))
    guard case .done = try process.writeInput(bytes, thenClose: false, until: .now, orPark: { { _ in } }) else {
      throw CoreError(.full, "its stdin takes nothing")
    }
  }

  private func becomesReady(_ process: Process) -> Bool { eventually { process.snapshot.isReady } }

  @Test func oneWithoutASignIsAsSoonAsItRuns() throws {
    let process = try test.sh("read x") { $0.stdin = .pipe }
    #expect(process.snapshot.isReady)
    try tell(process, "")
    _ = try process.joined()
    #expect(!process.snapshot.isReady)
  }

  @Test func aLineOnADescriptor() throws {
    let process = try run("read x; echo >&9; read x", .descriptor(9))
    #expect(!process.snapshot.isReady)
    try tell(process, "go")
    try #require(becomesReady(process))
    #expect(test.events(of: process).filter { $0.type == "process.ready" }.count == 1)
    try tell(process, "end")
    _ = try process.joined()
    #expect(!process.snapshot.isReady)
  }

  @Test func aDescriptorThatIsClosedSaysNothing() throws {
    let process = try run("printf x >&9; exec 9>&-; echo closed; read x", .descriptor(9))
    try #require(eventually { process.outputRange(.stdout).end > 0 })
    #expect(!process.snapshot.isReady)
  }

  @Test func aLineOfItsOutput() throws {
    let pattern = try LinePattern("^listening on port [0-9]+$")
    for stream in ["", " >&2"] {
      let process = try run(
        "echo listening on port x\(stream); read x; printf 'listening on '; echo port 80\(stream); read x",
        .line(pattern))
      try #require(eventually { process.outputRange(.both).end > 0 })
      #expect(!process.snapshot.isReady)
      try tell(process, "go")
      if stream.isEmpty {
        #expect(becomesReady(process))
      } else {
        try #require(eventually { process.outputRange(.stderr).end == 28 })
        #expect(!process.snapshot.isReady, "its halves are on two streams")
      }
      try process.kill()
    }
  }

  @Test func aPortThatListens() throws {
    let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutableBytes(of: &address) { bytes in
      let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress
      return bind(listener, address, length) == 0 && getsockname(listener, address, &length) == 0
    }
    try #require(isBound)
    let process = try run("read x", .port(UInt16(bigEndian: address.sin_port)))
    let looks = Deadline.after(seconds: 0.2)
    while looks > .now { sched_yield() }
    #expect(!process.snapshot.isReady)
    try #require(listen(listener, 1) == 0)
    #expect(becomesReady(process))
  }

  @Test func aCommandThatSucceeds() throws {
    let path = try temporaryDirectory()
    defer { rmdir(path) }
    let command = ["/bin/sh", "-c", "test -d \"$FOLDER/there\" && rmdir \"$FOLDER/there\""]
    let process = try run("read x; mkdir $FOLDER/there; read x", .command(command)) {
      $0.environment = [.init("FOLDER", path)]
    }
    #expect(!process.snapshot.isReady)
    try tell(process, "go")
    #expect(becomesReady(process))
    #expect(test.manager.processes.count == 1 && eventually { test.manager.runningCount == 1 })
  }

  @Test func aCommandThatTakesLongEndsWithItsProcess() throws {
    let process = try run("read x", .command(["/bin/sleep", "1000"]))
    try #require(eventually { test.manager.runningCount == 2 })
    try process.kill()
    _ = try process.joined()
    #expect(eventually { test.manager.runningCount == 0 })
    let none = try run("read x", .command(["/no/such/file"]))
    try #require(eventually { none.snapshot.isAlive })
    try none.kill()
    _ = try none.joined()
    #expect(eventually { test.manager.runningCount == 0 && test.manager.reactor.alarms.count == 0 })
  }

  @Test func everyRunHasToShowItAnew() throws {
    let process = try run("read x; echo >&9; read x; exit 1", .descriptor(9)) { $0.restart = restart(.always) }
    for run in 1...2 {
      try #require(eventually { process.snapshot.starts == run && process.snapshot.isAlive })
      #expect(!process.snapshot.isReady)
      try tell(process, "go")
      try #require(becomesReady(process))
      try tell(process, "end")
    }
    try process.kill()
  }

  @Test func whoDependsOnItWaitsForIt() throws {
    var template = ProcessTemplate()
    template.command = ["true"]
    template.dependencies = [.init(try #require(Name("base")), .ready)]
    let app = try test.run(template, name: "app")
    template.command = ["/bin/sh", "-c", "read x; echo >&9; read x"]
    template.dependencies = nil
    template.stdin = .pipe
    template.readiness = .init(.descriptor(9))
    let base = try test.run(template, name: "base")
    #expect(app.snapshot.starts == 0)
    try tell(base, "go")
    _ = try app.joined()
    #expect(base.snapshot.isReady)
  }

  @Test func whatCannotBeSeenIsRefused() throws {
    let pattern = try LinePattern("ready")
    let unseen = kind { _ = try run("", .line(pattern)) { ($0.stdout, $0.stderr) = (.null, .stdout) } }
    #expect(unseen == .invalid(pointer: "/ready/output"))
    let array = try #require(Name("numbers"))
    let taken = kind { _ = try run("", .descriptor(5)) { $0.descriptors = [.init(5, .array(array))] } }
    #expect(taken == .invalid(pointer: "/ready/fd"))
  }
}
