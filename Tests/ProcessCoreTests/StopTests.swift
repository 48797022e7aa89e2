import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite(.serialized) struct StopTests {
  let test: ManagerUnderTest

  init() throws {
    test = try ManagerUnderTest()
    // Orphans become this process's children, as they do the daemon's; each test reaps its own.
    try Subreaper.enable()
  }

  private func stopped(_ process: Process, signal: CInt = SIGTERM, grace: Double) throws -> StopReport {
    let told = Told<StopReport>()
    try process.stop(signal: signal, grace: grace, then: told.tell)
    try #require(told.reached(1, within: 30))
    for pid in told.all[0].ended where pid != process.snapshot.pid { waitpid(pid, nil, WNOHANG) }
    return told.all[0]
  }

  /// Waits until the process has said that it is ready.
  private func ready(_ process: Process) throws {
    try #require(eventually { process.outputRange(.stdout).end > 0 })
  }

  @Test func aProcessThatListensEndsByTheSignal() throws {
    let process = try test.sh("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done")
    try ready(process)
    let report = try stopped(process, grace: 30)
    #expect(report.process.exit?.status.exitcode == 3)
    #expect(report.process.state == .stopped)
    #expect(report.killed.isEmpty && report.survivors.isEmpty)
    #expect(report.ended.contains(try #require(report.process.pid)))
  }

  @Test func aProcessThatDoesNotIsKilledAfterTheGrace() throws {
    let process = try test.sh("trap '' TERM; echo ready; while :; do sleep 1; done")
    try ready(process)
    let report = try stopped(process, grace: 0.1)
    #expect(report.process.exit?.status.exitcode == -SIGKILL)
    #expect(report.killed.contains(try #require(report.process.pid)))
  }

  @Test func descendantsThatRanAwayAreEndedToo() throws {
    let script = "trap '' TERM; (setsid sh -c \"trap '' TERM; sleep 100 & echo ready; wait; sleep 100\" &) ; sleep 100"
    let process = try test.sh(script)
    try ready(process)
    let report = try stopped(process, grace: 0.1)
    #expect(report.ended.count >= 4)
    #expect(report.survivors.isEmpty)
    for pid in report.ended { #expect(kill(pid, 0) == -1 || isZombie(pid)) }
  }

  @Test func theTreeOfAProcessThatHasEndedIsEnded() throws {
    let process = try test.sh("sleep 100 & echo ready")
    _ = try process.joined()
    let report = try stopped(process, grace: 1)
    #expect(report.ended.count == 1)
    #expect(report.process.exit?.reason == .exited, "how it ended itself does not change")
  }

  private func isZombie(_ pid: CInt) -> Bool { ProcFile().stat(pid)?.state == UInt8(ascii: "Z") }

  @Test func aTimeoutEndsTheProcessAndKeepsItsOutput() throws {
    let process = try test.sh("echo partial; sleep 100") {
      $0.timeout = ProcessSpec.Timeout(seconds: 0.2, signal: SIGTERM, grace: 5)
    }
    let exit = try process.joined()
    #expect(exit.reason == .timeout && exit.status.exitcode == -SIGTERM)
    #expect(try process.wholeOutput() == "partial\n")
  }

  @Test func aTimeoutKillsWhatDoesNotListen() throws {
    let process = try test.sh("trap '' TERM; echo ready; while :; do sleep 1; done") {
      $0.timeout = ProcessSpec.Timeout(seconds: 0.5, signal: SIGTERM, grace: 0.1)
    }
    let exit = try process.joined()
    #expect(exit.reason == .timeout && exit.status.exitcode == -SIGKILL)
  }

  @Test func aLaterAlarmReplacesAnEarlierOne() throws {
    let process = try test.run(["/bin/sleep", "100"])
    #expect(try process.alarm(after: 50) == 0)
    let left = try process.alarm(after: 40)
    #expect(left > 45 && left <= 50)
    #expect(try process.alarm(after: 0) > 35)
    #expect(try process.alarm(after: 0.05) == 0, "0 seconds call it off")
    #expect(try process.joined().status.exitcode == -SIGALRM)
    #expect(kind { _ = try process.alarm(after: 1) } == .notRunning)
  }

  @Test func aSignalToTheGroupReachesChildren() throws {
    let process = try test.sh(
      "trap 'wait; exit 4' USR1; sh -c \"trap 'exit 5' USR1; echo ready; sleep 100 & wait\" & wait; wait")
    try ready(process)
    try process.signal(SIGUSR1, toGroup: true)
    _ = try process.joined()
    process.stopQuietly()
  }

  @Test func shutdownEndsDaemonsAtOnceAndWaitsForTheOthers() throws {
    let daemon = try test.run(["/bin/sleep", "100"]) { $0.isDaemon = true }
    let worker = try test.sh("sleep 0.5; exit 6")
    let start = Deadline.now
    let ended = Told<Void>()
    test.manager.shutdown(grace: 20) { ended.tell(()) }
    try #require(ended.reached(1, within: 15))
    #expect(daemon.snapshot.exit?.status.exitcode == -SIGTERM)
    #expect(worker.snapshot.exit?.status.exitcode == 6, "it was waited for")
    #expect(Deadline.now.nanoseconds - start.nanoseconds < 15_000_000_000)
    #expect(kind { _ = try test.run(["true"]) } == .draining)
  }
}
