import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite struct GroupTests {
  let test: ManagerUnderTest
  private let blue = ProcessSpec.Label("team", "blue")

  init() throws { test = try ManagerUnderTest() }

  private func make(_ name: String, _ script: String, _ change: (inout ProcessTemplate) -> Void = { _ in }) throws
    -> Process
  {
    var template = ProcessTemplate()
    template.command = ["/bin/sh", "-c", script]
    template.labels = [blue]
    change(&template)
    return try test.manager.create(Name(name), template)
  }

  private func start(_ selector: ProcessSelector) throws -> [GroupResult] {
    let told = Told<[GroupResult]>()
    test.manager.start(selector, then: told.tell)
    try #require(told.reached(1))
    return told.all[0]
  }

  @Test func aLabelMeansThoseThatTheVerbIsOfUseFor() throws {
    let names = try ["a", "b"].map { try make($0, "exec sleep 100").name }
    _ = try make("other", "exec sleep 100") { $0.labels = [] }
    _ = try make("wrong", "") { $0.command = ["/no/such/file"] }
    let started = try start(.label(blue))
    #expect(started.map(\.name.text) == ["a", "b", "wrong"])
    #expect(started.map { $0.error == nil } == [true, true, false])
    #expect(try start(.label(blue)).map(\.name.text) == ["wrong"], "the others run")
    #expect(test.manager.terminate(.label(blue)).map(\.name) == names)
    for name in names { _ = try #require(test.manager.processes.find(name.text)).joined() }
    #expect(test.manager.kill(.label(blue)).isEmpty && test.manager.joinable(.label(blue)).map(\.name) == names)
  }

  @Test func ofNamesEachIsToldOf() throws {
    let made = try make("made", "exit 0")
    let names = ["made", "none"].compactMap { Name($0) }
    func kinds(_ results: [GroupResult]) -> [CoreError.Kind?] { results.map { $0.error?.kind } }
    #expect(kinds(test.manager.terminate(.names(names))) == [.notRunning, .notFound])
    #expect(kinds(test.manager.joinable(.names(names))) == [.notRunning, .notFound])
    #expect(kinds(try stop(.names(names))) == [.notRunning, .notFound])
    #expect(kinds(try start(.names(names))) == [nil, .notFound])
    _ = try made.joined()
    #expect(kinds(try start(.names(names))) == [.alreadyStarted, .notFound])
    #expect(kinds(test.manager.kill(.names(names))) == [nil, .notFound], "one that has ended is left alone")
    #expect(try start(.names([])).isEmpty && stop(.names([])).isEmpty)
  }

  private func stop(_ selector: ProcessSelector, grace: Double = 30) throws -> [GroupResult] {
    let told = Told<[GroupResult]>()
    test.manager.stop(selector, signal: SIGTERM, grace: grace, then: told.tell)
    try #require(told.reached(1, within: 60))
    return told.all[0]
  }

  @Test func aStopGoesInOrderAndTakesThoseThatWait() throws {
    let script = "trap 'sleep 0.1; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    let base = try make("base", script)
    let app = try make("app", script) { $0.dependencies = [.init(base.name, .started)] }
    let waiting = try make("waiting", "") { $0.dependencies = [.init(Name("never") ?? base.name, .started)] }
    let failing = try make("failing", "exit 1") {
      $0.restart = restart(.always, initial: 1000) { $0.backoff.max = 1000 }
    }
    _ = try start(.label(blue))
    for process in [base, app] { try #require(eventually { process.outputRange(.stdout).end > 0 }) }
    try #require(eventually { failing.snapshot.state == .backoff })
    let results = try stop(.all)
    #expect(results.map(\.name.text) == ["base", "app", "waiting", "failing"])
    #expect(results.allSatisfy { $0.error == nil && $0.process?.snapshot.state == .stopped })
    let ended = try #require(test.events(of: app).first { $0.type == "process.exited" }).id
    #expect(try #require(test.events(of: base).first { $0.type == "process.stopping" }).id > ended)
    #expect(waiting.snapshot.starts == 0 && failing.snapshot.starts == 1)
  }

  @Test func anEssentialProcessEndsTheServiceWithItsCode() throws {
    let ends = Told<Void>()
    var options = ProcessOptions()
    options.essentialEnded = { ends.tell(()) }
    for (script, code) in [("exit 5", CInt(5)), ("kill -KILL $$", 137), ("exit 0", 0)] {
      let test = try ManagerUnderTest(options)
      let before = ends.all.count
      let process = try test.sh(script) { $0.restart = restart(.no) { $0.isEssential = true } }
      _ = try process.joined()
      try #require(ends.reached(before + 1))
      #expect(test.manager.essentialEnd?.code == code && test.manager.essentialEnd?.process == process.name)
    }
  }

  @Test func oneThatIsStoppedOrStartedAgainDoesNot() throws {
    let stopped = try test.run(["/bin/sleep", "100"]) { $0.restart = restart(.no) { $0.isEssential = true } }
    try stopped.terminate()
    _ = try stopped.joined()
    let failing = try test.sh("exit 9") { $0.restart = restart(.onFailure, retries: 2) { $0.isEssential = true } }
    try #require(eventually { failing.snapshot.starts == 2 })
    #expect(failing.snapshot.state == .fatal || test.manager.essentialEnd == nil)
    _ = try failing.joined()
    try #require(eventually { test.manager.essentialEnd != nil })
    #expect(test.manager.essentialEnd?.code == 9 && test.manager.essentialEnd?.process == failing.name)
  }
}
