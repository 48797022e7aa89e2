import Glibc
import Linux
import ProcessCore
import Testing

/// What fails is named with its errno, and leaves nothing.
@Suite struct SpawnFailureTests {
  private func failure(_ command: [String], _ change: (inout SpawnRequest) -> Void = { _ in }) throws -> SpawnError? {
    var spawner = try Spawner()
    var request = SpawnRequest(command: command)
    request.diesWithSpawner = false
    change(&request)
    do {
      let child = try spawner.spawn(request)
      _ = end(of: child.pidfd)
      return nil
    } catch {
      #expect(spawner.announced.load() == 0)
      return error
    }
  }

  @Test func whatIsWrongWithAProgramIsToldApart() throws {
    let directory = try temporaryDirectory()
    try write("not a format", to: "\(directory)/text", mode: 0o755)
    try write("#!/bin/sh\n", to: "\(directory)/locked", mode: 0o644)
    #expect(try failure(["/nonexistent"]) == SpawnError(.exec, errno: ENOENT))
    #expect(try failure(["\(directory)/text/x"]) == SpawnError(.exec, errno: ENOTDIR))
    #expect(try failure(["\(directory)/text"]) == SpawnError(.exec, errno: ENOEXEC))
    #expect(try failure(["\(directory)/locked"]) == SpawnError(.exec, errno: EACCES))
    #expect(try failure([""]) == SpawnError(.exec, errno: ENOENT))
  }

  @Test func aBadDirectoryIsNotABadProgram() throws {
    #expect(try failure(["/bin/true"]) { $0.cwd = "/nonexistent" } == SpawnError(.cwd, errno: ENOENT))
    #expect(try failure(["/bin/true"]) { $0.cwd = "/etc/passwd" } == SpawnError(.cwd, errno: ENOTDIR))
    #expect(try failure(["/bin/true"]) { $0.cwd = "/tmp\0" } == SpawnError(.cwd, errno: EINVAL))
  }

  @Test func whatCannotBeSaidInCIsRefused() throws {
    #expect(try failure([]) == SpawnError(.arguments, errno: EINVAL))
    #expect(try failure(["/bin/true", "a\0b"]) == SpawnError(.arguments, errno: EINVAL))
    for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "\0")] {
      let error = try failure(["/bin/true"]) { $0.environment = [(name, value)] }
      #expect(error == SpawnError(.environment, errno: EINVAL))
    }
    let long = String(repeating: "x", count: 200_000)
    #expect(try failure(["/bin/true", long]) == SpawnError(.exec, errno: E2BIG))
  }

  @Test func everyOtherStepHasItsName() throws {
    #expect(try failure(["/bin/true"]) { $0.descriptors = [(987, 3)] } == SpawnError(.fds, errno: EBADF))
    #expect(try failure(["/bin/true"]) { $0.descriptors = [(0, 3), (1, 3)] } == SpawnError(.fds, errno: EINVAL))
    #expect(try failure(["/bin/true"]) { $0.descriptors = [(0, -1)] } == SpawnError(.fds, errno: EINVAL))
    #expect(try failure(["/bin/true"]) { $0.limits = [(999, 1)] } == SpawnError(.rlimit, errno: EINVAL))
    #expect(try failure(["/bin/true"]) { $0.terminal = 0 } == SpawnError(.tty, errno: ENOTTY))
    #expect(try failure(["/bin/true"]) { $0.ignoredSignals = [SIGKILL] } == SpawnError(.signals, errno: EINVAL))
    #expect(try failure(["/bin/true"]) { $0.ignoredSignals = [65] } == SpawnError(.signals, errno: EINVAL))
  }

  @Test func theSearchGoesOnAndRemembersWhatItMayNotRun() throws {
    let directory = try temporaryDirectory()
    for name in ["locked", "open"] { mkdir("\(directory)/\(name)", 0o755) }
    try write("#!/bin/sh\n", to: "\(directory)/locked/tool", mode: 0o644)
    try write("#!/bin/sh\nexit 3\n", to: "\(directory)/open/tool", mode: 0o755)
    let both = [(name: "PATH", value: "/nonexistent:/etc/passwd:\(directory)/locked:\(directory)/open")]
    #expect(try run("tool", environment: both).status.exitcode == 3)
    let locked = [(name: "PATH", value: "/nonexistent:\(directory)/locked:/usr/bin")]
    #expect(try failure(["tool"]) { $0.environment = locked } == SpawnError(.exec, errno: EACCES))
    #expect(try failure(["tool"]) { $0.environment = [("PATH", "/bin")] } == SpawnError(.exec, errno: ENOENT))
    #expect(try failure(["tool"]) == SpawnError(.exec, errno: ENOENT))
    #expect(try failure(["true"]) == nil)
    let here = try failure(["tool"]) { request in
      request.environment = [("PATH", ":")]
      request.cwd = "\(directory)/open"
    }
    #expect(here == nil)
  }
}
