import CLinux
import Glibc
import Linux
import ProcessCore
import Testing

/// A child has what it was given and nothing of ours.
@Suite(.serialized) struct SpawnInheritanceTests {
  /// The value of a line of the child's /proc/self/status.
  private func line(_ name: String, of status: String) -> String? {
    status.split(separator: "\n").first { $0.hasPrefix(name + ":") }.map { line in
      line.dropFirst(name.count + 1).split(separator: "\t").joined(separator: " ").trimmingSpaces()
    }
  }

  @Test func signalsAreCleanWhateverOursAre() throws {
    let before = [signal(SIGINT, SIG_IGN), signal(SIGPIPE, SIG_IGN)]
    var blocked = sigset_t()
    var mask = sigset_t()
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &blocked, &mask)
    defer {
      signal(SIGINT, before[0])
      signal(SIGPIPE, before[1])
      pthread_sigmask(SIG_SETMASK, &mask, nil)
    }
    // The probe first: that ours are not clean.
    let ours = try #require(contents(of: "/proc/thread-self/status"))
    let ourMask = try #require(line("SigBlk", of: ours).flatMap { UInt64($0, radix: 16) })
    #expect(ourMask & 1 << 14 != 0)
    #expect(line("SigIgn", of: ours)?.suffix(4) == "1002")

    let status = try run("/bin/cat", "/proc/self/status").output
    #expect(line("SigBlk", of: status) == "0000000000000000")
    #expect(line("SigIgn", of: status) == "0000000000000000")
    #expect(line("NoNewPrivs", of: status) == "1")
    // And our own mask is what it was.
    #expect(line("SigBlk", of: contents(of: "/proc/thread-self/status") ?? "") == line("SigBlk", of: ours))

    var request = SpawnRequest(command: ["/bin/cat", "/proc/self/status"])
    request.ignoredSignals = [SIGINT, 64]
    request.noNewPrivileges = false
    let other = try run(request).output
    #expect(line("SigIgn", of: other) == "8000000000000002")
    #expect(line("NoNewPrivs", of: other) == "0")
  }

  @Test func noDescriptorOfOursIsInTheChild() throws {
    let open = (0..<200).map { _ in dup(1) }
    defer { for fd in open { close(fd) } }
    #expect(open.allSatisfy { fcntl($0, F_GETFD) == 0 })
    #expect(try shell("ls /proc/$$/fd; :") == "0\n1\n2\n")
    #expect(try shell("readlink /proc/$$/fd/0 /proc/$$/fd/2") == "/dev/null\n/dev/null\n")
  }

  @Test func descriptorsMayOverlap() throws {
    let directory = try temporaryDirectory()
    let names = ["a", "b", "c", "d"]
    let files = try names.map { name in
      try system("open") { open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600) }
    }
    defer { for fd in files { close(fd) } }
    // Each takes the number of the next, and the last stays what it is, which must clear its close-on-exec.
    let targets = [files[1], files[2], files[0], files[3]]
    let script = targets.map { "echo /proc/$$/fd/$(readlink /proc/$$/fd/\($0))" }.joined(separator: ";")
    let output = try shell("\(script); ls /proc/$$/fd; :") { request in
      request.descriptors = zip(files, targets).map { ($0, $1) }
    }
    let lines = output.split(separator: "\n")
    #expect(lines.prefix(4).map { String($0.last ?? " ") } == names)
    let expected = (["0", "1", "2"] + files.map(String.init)).sorted()
    #expect(lines.dropFirst(4).map(String.init) == expected)
    for fd in files { #expect(fcntl(fd, F_GETFD) == FD_CLOEXEC) }
  }

  @Test(.enabled(if: getuid() == 0)) func anotherUserIsThatUserWithoutAWayBack() throws {
    var request = SpawnRequest(command: ["/bin/cat", "/proc/self/status"])
    request.identity = Identity(uid: 65534, gid: 65534, groups: [7, 12])
    let status = try run(request).output
    #expect(line("Uid", of: status) == "65534 65534 65534 65534")
    #expect(line("Gid", of: status) == "65534 65534 65534 65534")
    #expect(line("Groups", of: status) == "7 12")
    #expect(line("NoNewPrivs", of: status) == "1")
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] { #expect(line(set, of: status) == "0000000000000000") }
    request.identity?.groups = []
    #expect(line("Groups", of: try run(request).output) == "")
    // "Leave it as it is" is no identity.
    request.identity?.uid = .max
    #expect(throws: SpawnError(.setuid, errno: EPERM)) { try run(request) }
    request.identity?.gid = .max
    #expect(throws: SpawnError(.setgid, errno: EPERM)) { try run(request) }
  }

  @Test func aTerminalControlsTheChild() throws {
    var ends: [CInt] = [0, 0]
    try system("open a terminal") { clinux_terminal_open(7, 91, &ends) }
    let ours = FileDescriptor(owning: ends[0])
    let theirs = FileDescriptor(owning: ends[1])
    let output = try shell("tty; stty size; echo hello > /dev/tty") { request in
      request.descriptors = [(theirs.raw, 0), (theirs.raw, 2)]
      request.terminal = 0
    }
    #expect(output.hasPrefix("/dev/pts/") && output.hasSuffix("\n7 91\n"))
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = read(ours.raw, &bytes, bytes.count)
    #expect(String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self) == "hello\r\n")
  }
}

extension String {
  fileprivate func trimmingSpaces() -> String { split(separator: " ").joined(separator: " ") }
}
