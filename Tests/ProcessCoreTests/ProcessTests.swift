import Glibc
import Linux
import Testing

@testable import ProcessCore

/// Python's `Process`, case by case (multiprocessing/process.py).
@Suite struct ProcessTests {
  let test: ManagerUnderTest

  init() throws { test = try ManagerUnderTest() }

  private func created(_ command: [String], name: String? = nil) throws -> Process {
    var template = ProcessTemplate()
    template.command = command
    return try test.manager.create(name.flatMap { Name($0) }, template)
  }

  @Test func namesCountTheProcessesThatWereMade() throws {
    #expect(try created(["true"]).name.text == "Process-1")
    #expect(try created(["true"], name: "mine").name.text == "mine")
    let third = try created(["true"])
    #expect(third.name.text == "Process-2")
    try test.manager.delete(third)
    #expect(try created(["true"]).name.text == "Process-3", "a number is never used again")
  }

  @Test func exitcodeIsNoneBeforeTheStartAndWhileItRuns() throws {
    let process = try created(["/bin/sleep", "100"])
    #expect(process.snapshot.exit == nil && process.snapshot.state == .created)
    try start(process)
    #expect(process.snapshot.exit == nil && process.snapshot.state == .running && process.snapshot.isAlive)
    try process.kill()
    #expect(try process.joined().status.exitcode == -SIGKILL)
  }

  private func start(_ process: Process) throws {
    let told = Told<Result<ProcessSnapshot, CoreError>>()
    try process.start(then: told.tell)
    try #require(told.reached(1))
    _ = try told.all[0].get()
  }

  @Test(arguments: [0, 1, 7, 255]) func anExitCodeIsKept(code: Int) throws {
    let exit = try test.sh("exit \(code)").joined()
    #expect(exit.status.exitcode == CInt(code))
    #expect(exit.reason == .exited)
  }

  @Test(arguments: [SIGTERM, SIGKILL, SIGINT, SIGUSR1]) func aSignalIsANegativeExitCode(number: CInt) throws {
    let process = try test.run(["/bin/sleep", "100"])
    try process.signal(number)
    let exit = try process.joined()
    #expect(exit.status.exitcode == -number)
    #expect(exit.reason == .signalled)
  }

  @Test func aSecondStartIsAnError() throws {
    let process = try created(["true"])
    try start(process)
    _ = try process.joined()
    #expect(kind { try process.start { _ in } } == .alreadyStarted)
  }

  @Test func onlyAStartedProcessCanBeJoinedOrSignalled() throws {
    let process = try created(["true"])
    #expect(kind { _ = try process.join(until: .now) { { _ in } } } == .notRunning)
    #expect(kind { try process.terminate() } == .notRunning)
    #expect(kind { try process.signal(SIGTERM) } == .notRunning)
    #expect(kind { try process.stop(signal: SIGTERM, grace: 1) { _ in } } == .notRunning)
  }

  @Test func terminateAndKillLeaveADeadProcessAlone() throws {
    let process = try test.run(["true"])
    let exit = try process.joined()
    try process.terminate()
    try process.kill()
    #expect(process.snapshot.exit?.reason == exit.reason && exit.reason == .exited)
    #expect(kind { try process.signal(SIGTERM) } == .notRunning)
  }

  @Test func terminateIsAStop() throws {
    let process = try test.run(["/bin/sleep", "100"])
    try process.terminate()
    let exit = try process.joined()
    #expect(exit.status.exitcode == -SIGTERM && exit.reason == .stopped)
    #expect(process.snapshot.state == .stopped)
  }

  @Test func aRunningProcessCannotBeDeleted() throws {
    let process = try test.run(["/bin/sleep", "100"])
    #expect(kind { try test.manager.delete(process) } == .stillRunning)
    try process.kill()
    _ = try process.joined()
    try test.manager.delete(process)
    #expect(test.manager.processes.find(process.name.text) == nil)
    #expect(kind { try test.manager.delete(process) } == .notFound)
    #expect(try process.joined().status.exitcode == -SIGKILL, "who holds it still learns how it ended")
  }

  @Test func joinTimesOutAndCanBeRepeated() throws {
    let process = try test.run(["/bin/sleep", "100"])
    let told = Told<Outcome<ProcessSnapshot>>()
    guard case .parked = try process.join(until: .after(seconds: 0.05), orPark: { told.tell }) else {
      Issue.record("not parked")
      return
    }
    try #require(told.reached(1))
    guard case .timedOut = told.all[0] else { Issue.record("\(told.all)"); return }
    #expect(process.joinerCount == 0)
    try process.kill()
    _ = try process.joined()
    _ = try process.joined()
  }

  @Test func everyJoinerIsAnswered() throws {
    let process = try test.run(["/bin/sleep", "100"])
    let told = Told<CInt?>()
    for _ in 0..<1000 {
      _ = try process.join(until: nil) {
        { outcome in if case .value(let snapshot) = outcome { told.tell(snapshot.exit?.status.exitcode) } }
      }
    }
    #expect(process.joinerCount == 1000)
    try process.kill()
    try #require(told.reached(1000))
    #expect(told.all.allSatisfy { $0 == -SIGKILL })
  }

  @Test func whatCannotBeStartedLeavesNothing() throws {
    #expect(kind { _ = try test.run(["/no/such/file"]) } == .spawn(step: "exec", SystemError("exec", errno: ENOENT)))
    #expect(test.manager.processes.count == 0)
    #expect(test.manager.runningCount == 0)
    #expect(test.manager.log.lastID == 0, "nobody was told of it")
    let wrong = kind { _ = try test.run(["true"]) { $0.workingDirectory = "/no/such/folder" } }
    #expect(wrong == .spawn(step: "cwd", SystemError("cwd", errno: ENOENT)))
  }

  @Test func aFailedStartOfAMadeProcessCanBeRepeated() throws {
    let process = try created(["/no/such/file"])
    for _ in 0..<2 {
      let told = Told<Result<ProcessSnapshot, CoreError>>()
      try process.start(then: told.tell)
      try #require(told.reached(1))
      #expect(throws: CoreError.self) { try told.all[0].get() }
      #expect(process.snapshot.state == .created)
    }
  }

  @Test func noEventThatAnEndCausesComesBeforeIt() throws {
    for _ in 0..<100 {
      let process = try test.run(["true"])
      _ = try process.joined()
      try test.manager.delete(process)
    }
    var types: [String] = []
    var last: UInt64 = 0
    while case .done(.entries(let events)) = try test.manager.log.next(after: last, until: .now, orPark: { { _ in } }) {
      types += events.map(\.type)
      last = events.last?.id ?? last
    }
    #expect(types.count == 400)
    for start in stride(from: 0, to: types.count, by: 4) {
      #expect(
        types[start..<start + 4] == ["process.created", "process.started", "process.exited", "process.deleted"])
    }
  }

  @Test func quotasAreKept() throws {
    var options = ProcessOptions()
    options.maxProcesses = 3
    options.maxRunning = 1
    let test = try ManagerUnderTest(options)
    let first = try test.run(["/bin/sleep", "100"])
    #expect(kind { _ = try test.run(["/bin/sleep", "100"]) } == .quota)
    try first.kill()
    _ = try first.joined()
    _ = try test.run(["true"]).joined()
    _ = try test.run(["true"]).joined()
    #expect(kind { _ = try test.run(["true"]) } == .quota)
    try test.manager.delete(first)
    _ = try test.run(["true"]).joined()
  }

  @Test func onlyAllowedCommandsAreStarted() throws {
    var options = ProcessOptions()
    options.allowedCommands = ["/bin/tr*", "/bin/echo"]
    let test = try ManagerUnderTest(options)
    #expect(try test.run(["/bin/true"]).joined().status.exitcode == 0)
    #expect(kind { _ = try test.run(["/bin/sh", "-c", "true"]) } == .invalid(pointer: "/command/0"))
  }

  @Test func manyAtOnceLeaveNothingWatched() throws {
    _ = try test.run(["true"]).joined()
    let reactor = test.manager.reactor
    let before = reactor.watchedCount
    let sleeper = try test.run(["/bin/sleep", "100"])
    try #require(reactor.watchedCount > before, "what is watched is seen")
    try sleeper.kill()
    _ = try sleeper.wholeOutput()
    let processes = try (0..<200).map { _ in try test.run(["/bin/echo", "hello"]) }
    for process in processes { #expect(try process.wholeOutput() == "hello\n") }
    for process in processes { try test.manager.delete(process) }
    // Whether descriptors are left is for the daemon's own tests: others of this binary open and close some meanwhile.
    #expect(eventually { reactor.watchedCount <= before })
  }
}
