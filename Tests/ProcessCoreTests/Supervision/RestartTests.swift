import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite struct RestartTests {
  let test: ManagerUnderTest

  init() throws { test = try ManagerUnderTest() }

  /// With delays of seconds, so that a tenth of them is more than what all other tests at once hold this one up by.
  @Test func aCrashLoopIsStartedAtItsBackOffTimesAndThenFatal() throws {
    let process = try test.sh("echo $$; exit 3") {
      $0.restart = restart(.onFailure, retries: 2, initial: 3) { $0.backoff.factor = 1.5 }
    }
    let exit = try process.joined()
    #expect(exit.status.exitcode == 3 && exit.reason == .exited)
    let now = process.snapshot
    #expect(now.state == .fatal && now.starts == 3 && !now.isAlive && now.nextStartAt == nil)
    let events = test.events(of: process)
    let once = ["process.exited", "process.backoff", "process.restarted"]
    #expect(
      events.map(\.type) == ["process.created", "process.started"] + once + once + ["process.exited", "process.fatal"])
    let exits = events.filter { $0.type == "process.exited" }.map(\.at.seconds)
    let restarts = events.filter { $0.type == "process.restarted" }.map(\.at.seconds)
    for (index, delay) in [3, 4.5].enumerated() {
      let waited = restarts[index] - exits[index]
      #expect(waited >= delay * 0.999 && waited <= delay * 1.1, "\(waited) instead of \(delay) s")
    }
    let pids = try process.wholeOutput().split(separator: "\n")
    #expect(Set(pids).count == 3, "one output of three runs, each with a pid of its own")
    #expect(test.manager.runningCount == 0 && test.manager.restartCount == 2)
  }

  @Test(arguments: [
    (ProcessSpec.Restart.Policy.no, 1, 1), (.onFailure, 1, 3), (.onFailure, 0, 1), (.always, 0, 3),
    (.unlessStopped, 0, 3),
  ]) func whatAPolicyStartsAgain(policy: ProcessSpec.Restart.Policy, code: Int, starts: Int) throws {
    let process = try test.sh("exit \(code)") { $0.restart = restart(policy, retries: 2) }
    #expect(try process.joined().status.exitcode == CInt(code))
    #expect(process.snapshot.starts == starts)
    #expect(process.snapshot.state == (starts == 1 ? .exited : .fatal))
  }

  @Test func aSignalIsNoStop() throws {
    let process = try test.run(["/bin/sleep", "100"]) { $0.restart = restart(.onFailure) }
    for number in [SIGTERM, SIGKILL, SIGINT] {
      let before = process.snapshot
      try process.signal(number)
      try #require(eventually { process.snapshot.starts == before.starts + 1 && process.snapshot.isAlive })
      let now = process.snapshot
      #expect(now.pid != before.pid && now.session != before.session && now.exit == nil)
    }
    #expect(test.manager.commons.sessions.registry.count == 1)
    try process.terminate()
    #expect(try process.joined().status.exitcode == -SIGTERM)
    #expect(process.snapshot.state == .stopped && process.snapshot.starts == 4)
  }

  @Test(arguments: ["stop", "terminate", "kill"]) func theVerbsAreStops(verb: String) throws {
    let process = try test.run(["/bin/sleep", "100"]) { $0.restart = restart(.always) }
    try end(process, verb)
    _ = try process.joined()
    #expect(process.snapshot.state == .stopped && process.snapshot.starts == 1)
  }

  @Test(arguments: ["stop", "terminate", "kill"]) func aStopEndsABackOffAtOnce(verb: String) throws {
    let process = try test.sh("exit 1") { $0.restart = restart(.always, initial: 1000) { $0.backoff.max = 1000 } }
    try #require(eventually { process.snapshot.state == .backoff })
    let during = process.snapshot
    #expect(!during.isAlive && during.exit?.status.exitcode == 1 && during.session == nil)
    let seconds = try #require(during.nextStartAt).seconds - (try #require(during.exit)).at.seconds
    #expect(abs(seconds - 1000) < 0.01)
    let told = Told<Outcome<ProcessSnapshot>>()
    guard case .parked = try process.join(until: nil, orPark: { told.tell }) else {
      Issue.record("it has not ended")
      return
    }
    #expect(kind { try test.manager.delete(process) } == .stillRunning)
    #expect(kind { try process.signal(SIGTERM) } == .notRunning)
    try end(process, verb)
    try #require(told.reached(1))
    let now = process.snapshot
    #expect(now.state == .stopped && now.exit?.status.exitcode == 1 && now.nextStartAt == nil)
    // A child that somebody else starts in this moment has the pipe until it execs.
    #expect(eventually { !process.outputRange(.stdout).isOpen })
    #expect(test.events(of: process).contains { $0.type == "process.stopped" })
    try test.manager.delete(process)
  }

  private func end(_ process: Process, _ verb: String) throws {
    switch verb {
    case "stop":
      let told = Told<StopReport>()
      try process.stop(signal: SIGTERM, grace: 100, then: told.tell)
      try #require(told.reached(1))
      #expect(told.all[0].process.state == .stopped)
    case "terminate": try process.terminate()
    default: try process.kill()
    }
  }

  @Test func theOutputGoesOnAcrossRuns() throws {
    let process = try test.sh("echo x; exit 1") { $0.restart = restart(.onFailure, retries: 1, initial: 0.3) }
    try #require(eventually { process.snapshot.state == .backoff })
    #expect(process.outputRange(.stdout).isOpen && process.outputRange(.both).isOpen)
    #expect(try process.wholeOutput() == "x\nx\n")
  }

  @Test func eachRunHasAStdinOfItsOwn() throws {
    let process = try test.sh("read line; echo got $line; exit 1") {
      $0.restart = restart(.always, retries: 1)
      $0.stdin = .pipe
    }
    for (index, word) in ["a", "b"].enumerated() {
      try #require(eventually { process.snapshot.starts == index + 1 && process.snapshot.isAlive })
      let attempted = try process.writeInput(
        InputProgress(Bytes("\(word)\n")), thenClose: false, until: .after(seconds: 10), orPark: { { _ in } })
      guard case .done = attempted else { Issue.record("not written"); return }
      try #require(eventually { process.outputRange(.stdout).end == UInt64(6 * (index + 1)) })
    }
    #expect(try process.wholeOutput() == "got a\ngot b\n")
  }

  @Test func whatCannotBeStartedAgainIsRetriedAndThenFatal() throws {
    let folder = try temporaryDirectory()
    defer { rmdir(folder) }
    let file = "\(folder)/once"
    try write("#!/bin/sh\nrm \(file)\nexit 1\n", to: file, mode: 0o700)
    let process = try test.run([file]) { $0.restart = restart(.onFailure, retries: 2) }
    let exit = try process.joined()
    #expect(exit.reason == .spawnFailed && exit.status.exitcode == nil)
    #expect(process.snapshot.state == .fatal && process.snapshot.starts == 1)
    let exits = test.events(of: process).filter { $0.type == "process.exited" }
    #expect(exits.count == 3 && exits[2].details.contains { $0.name == "detail" })
    #expect(test.manager.runningCount == 0)
  }

  @Test func aTimeoutIsAFailure() throws {
    let process = try test.sh("sleep 100") {
      $0.restart = restart(.onFailure, retries: 1)
      $0.timeout = ProcessSpec.Timeout(seconds: 0.1, signal: SIGTERM, grace: 5)
    }
    #expect(try process.joined().reason == .timeout)
    #expect(process.snapshot.starts == 2 && process.snapshot.state == .fatal)
  }

  @Test func whatAnEarlierRunLeftIsStoppedToo() throws {
    try Subreaper.enable()
    let process = try test.sh("setsid sleep 200 >/dev/null 2>&1 & exit 1") {
      $0.restart = restart(.always, initial: 0.05)
    }
    try #require(eventually { process.snapshot.starts >= 4 })
    let told = Told<StopReport>()
    try process.stop(signal: SIGTERM, grace: 10, then: told.tell)
    try #require(told.reached(1, within: 30))
    for pid in told.all[0].ended { waitpid(pid, nil, WNOHANG) }
    #expect(told.all[0].ended.count >= 3 && told.all[0].survivors.isEmpty)
  }

  /// Whoever stops it meets it in any of its phases.
  @Test func aStopIsAStopWheneverItComes() throws {
    for round in 0..<40 {
      let process = try test.run(["true"]) { $0.restart = restart(.always) }
      for _ in 0..<round * 5 { sched_yield() }
      let told = Told<StopReport>()
      if round % 2 == 0 {
        try process.stop(signal: SIGTERM, grace: 10, then: told.tell)
        try #require(told.reached(1))
      } else {
        try process.kill()
      }
      _ = try process.joined()
      let starts = process.snapshot.starts
      #expect(process.snapshot.hasEnded && process.snapshot.state != .fatal)
      try test.manager.delete(process)
      #expect(process.snapshot.starts == starts)
    }
    #expect(test.manager.runningCount == 0)
  }

  @Test func aShutdownEndsBackOffsAndStartsNothingAgain() throws {
    let waiting = try test.sh("exit 1") { $0.restart = restart(.always, initial: 1000) { $0.backoff.max = 1000 } }
    let running = try test.run(["/bin/sleep", "100"]) { $0.restart = restart(.always) }
    try #require(eventually { waiting.snapshot.state == .backoff })
    let told = Told<Void>()
    test.manager.shutdown(grace: 60) { told.tell(()) }
    try #require(told.reached(1))
    #expect(waiting.snapshot.state == .stopped && running.snapshot.state == .stopped)
    #expect(running.snapshot.starts == 1, "it was asked at once: nobody need wait for one that never ends")
  }
}

/// A policy with short times.
func restart(
  _ policy: ProcessSpec.Restart.Policy, retries: Int? = nil, initial: Double = 0.02,
  _ change: (inout ProcessSpec.Restart) -> Void = { _ in }
) -> ProcessSpec.Restart {
  var restart = ProcessSpec.Restart()
  restart.policy = policy
  restart.maxRetries = retries
  restart.backoff.initial = initial
  restart.settle = 100
  change(&restart)
  return restart
}

extension ManagerUnderTest {
  func events(of process: Process) -> [EventLog.Entry] {
    var found: [EventLog.Entry] = []
    var last: UInt64 = 0
    while case .done(.entries(let events))? = try? manager.log.next(after: last, until: .now, orPark: { { _ in } }) {
      found += events
      last = events.last?.id ?? last
    }
    return found.filter { $0.name == process.name }
  }
}
