import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite struct DependencyTests {
  let test: ManagerUnderTest

  init() throws { test = try ManagerUnderTest() }

  private func run(
    _ name: String, _ script: String, after dependencies: [(String, ProcessSpec.Dependency.Condition)] = [],
    _ change: (inout ProcessTemplate) -> Void = { _ in }
  ) throws -> Process {
    var template = ProcessTemplate()
    template.command = ["/bin/sh", "-c", script]
    template.dependencies = try dependencies.map { .init(try #require(Name($0)), $1) }
    change(&template)
    return try test.run(template, name: name)
  }

  @Test(arguments: [
    (ProcessSpec.Dependency.Condition.started, "sleep 100"), (.ready, "sleep 100"), (.exited, "exit 3"),
    (.succeeded, "exit 0"),
  ]) func itStartsWhenItsDependencyIsThere(condition: ProcessSpec.Dependency.Condition, script: String) throws {
    let app = try run("app", "echo app", after: [("base", condition)])
    let now = app.snapshot
    #expect(now.state == .created && now.pid == nil && app.waitingFor.map(\.text) == ["base"])
    #expect(test.manager.processes.find("app") === app && test.manager.runningCount == 0)
    guard case .parked = try app.join(until: nil, orPark: { { _ in } }) else {
      Issue.record("it will be started, so that it can be joined")
      return
    }
    let base = try run("base", script)
    #expect(try app.joined().status.exitcode == 0)
    #expect(app.waitingFor.isEmpty && app.snapshot.starts == 1)
    let types = test.events(of: app).map(\.type)
    #expect(types == ["process.created", "process.started", "process.exited"])
    let began = try #require(
      test.events(of: base).first { $0.type == (base.snapshot.isAlive ? "process.started" : "process.exited") })
    #expect(try #require(test.events(of: app).first { $0.type == "process.started" }).id > began.id)
  }

  @Test func itStartsAtOnceWhenAllIsThere() throws {
    _ = try run("base", "sleep 100")
    let app = try run("app", "exit 0", after: [("base", .ready)])
    #expect(app.snapshot.starts == 1, "as any process, it runs when its making is answered")
    let wrong = kind { _ = try run("none", "", after: [("base", .started)]) { $0.command = ["/no/such/file"] } }
    #expect(wrong == .spawn(step: "exec", SystemError("exec", errno: ENOENT)))
    #expect(test.manager.processes.find("none") == nil, "and leaves nothing when it cannot")
  }

  @Test func itWaitsForAllOfThem() throws {
    let app = try run("app", "exit 0", after: [("one", .succeeded), ("two", .started), ("three", .exited)])
    _ = try run("one", "exit 0").joined()
    _ = try run("two", "sleep 100")
    #expect(app.waitingFor.map(\.text) == ["three"] && app.snapshot.starts == 0)
    _ = try run("three", "exit 1")
    _ = try app.joined()
  }

  @Test func chainsAreStartedInOrder() throws {
    let last = try run("c", "exit 0", after: [("b", .succeeded)])
    _ = try run("b", "exit 0", after: [("a", .succeeded)])
    _ = try run("a", "exit 0")
    _ = try last.joined()
    let started = ["a", "b", "c"].compactMap { name in
      test.manager.processes.find(name).flatMap { test.events(of: $0).first { $0.type == "process.started" }?.id }
    }
    #expect(started.count == 3 && started == started.sorted())
  }

  @Test(arguments: [(ProcessSpec.Dependency.Condition.succeeded, "exit 1"), (.ready, "exit 0")])
  func whatWillNeverBeIsToldAndNotWaitedFor(condition: ProcessSpec.Dependency.Condition, script: String) throws {
    let late = try run("late", "exit 0", after: [("app", .started)])
    let app = try run("app", "exit 0", after: [("base", condition)])
    _ = try run("base", script) {
      if condition == .ready { $0.readiness = .init(.descriptor(5)) }
    }
    for process in [app, late] {
      let exit = try process.joined()
      #expect(exit.reason == .dependencyFailed && exit.status.exitcode == nil)
      #expect(process.snapshot.state == .fatal && process.snapshot.starts == 0)
      try test.manager.delete(process)
    }
  }

  @Test func oneThatWillBeStartedAgainHasNotFailed() throws {
    let app = try run("app", "exit 0", after: [("base", .succeeded)])
    let base = try run("base", "read x; exit $x") {
      $0.stdin = .pipe
      $0.restart = restart(.onFailure)
    }
    for (index, code) in [1, 0].enumerated() {
      try #require(eventually { base.snapshot.starts == index + 1 && base.snapshot.isAlive })
      let word = InputProgress(Bytes("\(code)\n"))
      _ = try base.writeInput(word, thenClose: false, until: .after(seconds: 10), orPark: { { _ in } })
    }
    #expect(try app.joined().status.exitcode == 0)
  }

  @Test func whatCannotBeStartedThenIsFatal() throws {
    let app = try run("app", "", after: [("base", .started)]) { $0.command = ["/no/such/file"] }
    _ = try run("base", "sleep 100")
    #expect(try app.joined().reason == .spawnFailed)
    #expect(app.snapshot.state == .fatal)
  }

  @Test func noneWaitsForItself() throws {
    #expect(kind { _ = try run("a", "exit 0", after: [("a", .started)]) } == .invalid(pointer: "/depends_on"))
    _ = try run("a", "exit 0", after: [("b", .started)])
    _ = try run("b", "exit 0", after: [("c", .started)])
    #expect(
      kind { _ = try run("c", "exit 0", after: [("x", .started), ("a", .started)]) } == .invalid(pointer: "/depends_on")
    )
    #expect(test.manager.processes.find("c") == nil)
    _ = try run("c", "exit 0")
    _ = try #require(test.manager.processes.find("a")).joined()
  }

  @Test func oneThatWaitsCanBeStoppedAndDeleted() throws {
    let stopped = try run("stopped", "exit 0", after: [("base", .started)])
    let told = Told<StopReport>()
    try stopped.stop(signal: SIGTERM, grace: 1, then: told.tell)
    try #require(told.reached(1))
    #expect(stopped.snapshot.state == .stopped && told.all[0].ended.isEmpty)
    let deleted = try run("deleted", "exit 0", after: [("base", .started)])
    try test.manager.delete(deleted)
    _ = try run("base", "sleep 100")
    let app = try run("app", "exit 0", after: [("base", .started)])
    _ = try app.joined()
    #expect(stopped.snapshot.starts == 0 && deleted.snapshot.starts == 0)
  }

  /// Each of many is started exactly once, whoever was quicker.
  @Test func manyThatWaitForOneAreAllStarted() throws {
    let apps = try (0..<50).map { try run("app-\($0)", "exit 0", after: [("base", .started)]) }
    _ = try run("base", "sleep 100")
    let late = try (0..<50).map { try run("late-\($0)", "exit 0", after: [("base", .started)]) }
    for app in apps + late {
      _ = try app.joined()
      #expect(app.snapshot.starts == 1)
    }
  }

  @Test func theyAreStoppedInTheOppositeOrder() throws {
    let script = "trap 'sleep 0.2; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    func serve(_ name: String, after: [(String, ProcessSpec.Dependency.Condition)] = []) throws -> Process {
      let process = try run(name, script, after: after) { $0.isDaemon = true }
      try #require(eventually { process.outputRange(.stdout).end > 0 })
      return process
    }
    let base = try serve("base"), store = try serve("store", after: [("base", .started)])
    let app = try serve("app", after: [("store", .started), ("base", .started)])
    let alone = try serve("alone")
    let told = Told<Void>()
    test.manager.shutdown(grace: 60) { told.tell(()) }
    try #require(told.reached(1, within: 30))
    func id(_ process: Process, _ type: String) throws -> UInt64 {
      try #require(test.events(of: process).first { $0.type == type }).id
    }
    #expect(try id(app, "process.exited") < id(store, "process.stopping"))
    #expect(try id(store, "process.exited") < id(base, "process.stopping"))
    #expect(try id(alone, "process.stopping") < id(app, "process.exited"))
    for process in [base, store, app, alone] { #expect(process.snapshot.exit?.status.exitcode == 0) }
  }

  /// What one that does not listen takes of the grace is not all of it.
  @Test func thoseThatAreLeftHaveTheirShareOfTheGrace() throws {
    let deaf = "trap '' TERM; echo ready; while :; do sleep 0.01; done"
    let listening = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"
    let base = try run("base", listening) { $0.isDaemon = true }
    let app = try run("app", deaf, after: [("base", .started)]) { $0.isDaemon = true }
    for process in [base, app] { try #require(eventually { process.outputRange(.stdout).end > 0 }) }
    let told = Told<Void>()
    test.manager.shutdown(grace: 2) { told.tell(()) }
    try #require(told.reached(1, within: 30))
    #expect(app.snapshot.exit?.status.exitcode == -SIGKILL)
    #expect(base.snapshot.exit?.status.exitcode == 7)
  }
}
