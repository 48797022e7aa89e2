import Glibc
import Linux
import Testing

@testable import ProcessCore

/// What a cgroup limits is limited for a process and all its descendants together.
@Suite(.serialized, .enabled(if: !Hierarchies.here.isEmpty, "the machine gives no cgroups"))
struct CgroupLimitTests {
  private func python(
    _ test: CgroupsUnderTest, _ program: String, _ limits: ProcessSpec.ResourceLimit...
  ) throws -> Process {
    try test.test.run(["python3", "-c", program]) { $0.limits = limits }
  }

  private static let eater = "held = []\nwhile True: held.append(bytearray(1 << 20))"

  @Test(arguments: Hierarchies.here) func memoryEndsAProcessThatWantsMore(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies, .limited)
    let exit = try python(test, Self.eater, .init(.memory, 64 << 20)).joined()
    #expect(exit.reason == .oom && exit.status.exitcode == -SIGKILL)
  }

  /// How often is counted, but not who it was.
  @Test(arguments: Hierarchies.here) func aKillByAnotherIsNoWantOfMemory(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies, .limited)
    let process = try test.test.run(["/bin/sleep", "100"]) { $0.limits = [.init(.memory, 64 << 20)] }
    try process.signal(SIGKILL)
    #expect(try process.joined().reason == .signalled)
  }

  @Test func memoryIsCountedAnewAtEachStart() throws {
    let test = try CgroupsUnderTest(Hierarchies.here[0], .limited)
    let folder = try temporaryDirectory()
    let program = """
      import os, signal
      try: os.mkdir('\(folder)/once')
      except FileExistsError: os.kill(os.getpid(), signal.SIGKILL)
      \(Self.eater)
      """
    let process = try test.test.run(["python3", "-c", program]) {
      $0.limits = [.init(.memory, 64 << 20)]
      $0.restart = restart(.onFailure, retries: 1)
    }
    #expect(try process.joined().reason == .signalled)
    #expect(test.test.events(of: process).filter { $0.type == "process.exited" }.map(reason) == ["oom", "signalled"])
  }

  private func reason(_ event: EventLog.Entry) -> String? {
    if case .text(let reason) = event.details.first(where: { $0.name == "reason" })?.value { reason } else { nil }
  }

  @Test(arguments: Hierarchies.here) func noMoreProcessesAreForkedThanMayBe(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies, .limited)
    let program = """
      import os, signal
      made = 0
      try:
        while made < 20:
          if os.fork() == 0: signal.pause()
          made += 1
      except BlockingIOError: print(made, flush=True)
      """
    let process = try python(test, program, .init(.pids, 5))
    #expect(try process.wholeOutput() == "4\n")
    #expect(try test.stopped(process, signal: SIGKILL).ended.count == 4)
  }

  @Test(arguments: Hierarchies.here) func noMoreTimeIsComputedThanMayBe(_ hierarchies: Hierarchies) throws {
    let test = try CgroupsUnderTest(hierarchies, .limited)
    // Two of them, on as many cores as there are.
    let program = """
      import os, time
      child = os.fork()
      end, before = time.monotonic() + 1, time.process_time()
      while time.monotonic() < end: pass
      print(time.process_time() - before, flush=True)
      if child: os.wait()
      """
    let process = try python(test, program, .init(.cpu, 250_000))
    let seconds = try process.wholeOutput().split(separator: "\n").compactMap { Double($0) }
    #expect(seconds.count == 2 && seconds.reduce(0, +) < 0.4, "\(seconds)")
  }

  @Test func whatTheMachineDoesNotGiveIsRefused() throws {
    let test = try ManagerUnderTest()
    let error = kind { _ = try test.run(["/bin/true"]) { $0.limits = [.init(.pids, 5)] } }
    #expect(error == .invalid(pointer: "/limits/pids"))
  }

  @Test func whatTheKernelRefusesIsTold() throws {
    let test = try CgroupsUnderTest(Hierarchies.here[0], .limited)
    let error = kind { _ = try test.test.run(["/bin/true"]) { $0.limits = [.init(.pids, 1 << 40)] } }
    #expect(error == .spawn(step: "cgroup", SystemError("cgroup", errno: EINVAL)))
    #expect(test.made.isEmpty)
  }
}
