import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite(.serialized) struct TreeTests {
  let test: ManagerUnderTest

  init() throws {
    test = try ManagerUnderTest()
    try Subreaper.enable()
  }

  private func rows(of process: Process) throws -> [TreeEntry] {
    let told = Told<Result<[TreeEntry], CoreError>>()
    try process.tree(then: told.tell)
    try #require(told.reached(1, within: 30))
    return try told.all[0].get()
  }

  private func paused(_ process: Process) throws -> PauseReport {
    let told = Told<Result<PauseReport, CoreError>>()
    try process.pause(then: told.tell)
    try #require(told.reached(1, within: 30))
    return try told.all[0].get()
  }

  private func resumed(_ process: Process) throws -> PauseReport {
    let told = Told<Result<PauseReport, CoreError>>()
    try process.resume(then: told.tell)
    try #require(told.reached(1, within: 30))
    return try told.all[0].get()
  }

  private func stopped(_ process: Process, signal: CInt = SIGTERM, grace: Double) throws -> StopReport {
    let told = Told<StopReport>()
    try process.stop(signal: signal, grace: grace, then: told.tell)
    try #require(told.reached(1, within: 30))
    for pid in told.all[0].ended where pid != process.snapshot.pid { waitpid(pid, nil, WNOHANG) }
    return told.all[0]
  }

  @Test func aRowTellsWhatAProcessIs() throws {
    let process = try test.sh("sleep 100 & exec sleep 200")
    try #require(eventually { (try? rows(of: process).map(\.command)) == [["sleep", "200"], ["sleep", "100"]] })
    let found = try rows(of: process)
    let pid = try #require(process.snapshot.pid)
    #expect(found[0].member.pid == pid && found[0].member.parent == getpid())
    #expect(found[1].member.parent == pid && found[1].member.session == pid && found[1].member.group == pid)
    #expect(found.allSatisfy { $0.member.cpuSeconds >= 0 })
    #expect(eventually { (try? rows(of: process).allSatisfy { $0.member.state == .sleeping }) == true })
    // Sleepers' memory stays as it is. A program that has just begun may have none on the books yet.
    #expect(
      eventually {
        (try? rows(of: process).allSatisfy { $0.residentBytes > 0 && $0.residentBytes == statm($0.member.pid) }) == true
      })
    _ = try stopped(process, signal: SIGKILL, grace: 0)
    #expect(try rows(of: process).isEmpty)
  }

  private func statm(_ pid: CInt) -> Int? {
    let words = contents(of: "/proc/\(pid)/statm")?.split(separator: " ") ?? []
    return words.count > 1 ? Int(words[1]).map { $0 * Int(sysconf(CInt(_SC_PAGESIZE))) } : nil
  }

  @Test func cpuTimeIsCounted() throws {
    let process = try test.sh("while :; do :; done")
    #expect(eventually { ((try? rows(of: process)[0].member.cpuSeconds) ?? 0) > 0.05 })
    _ = try stopped(process, signal: SIGKILL, grace: 0)
  }

  @Test func oneThatWasNotStartedHasNoTree() throws {
    var template = ProcessTemplate()
    template.command = ["/bin/true"]
    let process = try test.manager.create(nil, template)
    #expect(kind { try process.tree { _ in } } == .notRunning)
    #expect(kind { try process.pause { _ in } } == .notRunning)
    #expect(kind { try process.resume { _ in } } == .notRunning)
  }

  @Test func aTreeIsPausedAndResumedAsAWhole() throws {
    let process = try test.sh("setsid sh -c 'sleep 100 & sleep 100 & wait' & sleep 100 & echo ready; wait")
    try #require(eventually { count(process) == 5 })
    let report = try paused(process)
    #expect(report.running.isEmpty && report.members.count == 5)
    #expect(try rows(of: process).allSatisfy { $0.member.state == .stopped })
    #expect(try resumed(process).members == report.members)
    #expect(eventually { (try? rows(of: process).contains(where: \.member.isStopped)) == false })
    #expect(try stopped(process, grace: 30).ended == report.members)
  }

  private func count(_ process: Process) -> Int? { try? rows(of: process).count }

  /// Without a SIGCONT it would not hear SIGTERM before the grace is over.
  @Test func aPausedTreeIsStoppedByItsSignal() throws {
    let process = try test.sh(
      "(trap 'exit' TERM; while :; do sleep 0.01; done) & trap 'exit 3' TERM; echo ready; wait; wait")
    try #require(eventually { process.outputRange(.stdout).end > 0 })
    _ = try paused(process)
    let report = try stopped(process, grace: 60)
    #expect(report.killed.isEmpty && report.process.exit?.status.exitcode == 3)
  }
}
