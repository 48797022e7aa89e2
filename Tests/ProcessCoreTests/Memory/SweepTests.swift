import Glibc
import Linux
import ProcessCore
import Testing

/// Memory that a dead daemon left is removed by the next, and nothing else is.
@Suite struct SweepTests {
  private let folder: SharedFolder

  init() throws { folder = try SharedFolder() }

  /// Ends the program that outlived the daemon.
  private func endHolder() throws {
    let text = try #require(contents(of: folder.path + "/pid"))
    kill(try #require(pid_t(text.dropLast())), SIGKILL)
    unlink(folder.path + "/pid")
  }

  @Test func whatADeadDaemonLeftIsRemoved() throws {
    #expect(try probe("leave", folder).status.exitcode == -SIGKILL)
    try #require(eventually { contents(of: folder.path + "/pid")?.hasSuffix("\n") == true })
    defer { try? endHolder() }
    #expect(folder.names.count == 4)
    let space = folder.space()
    let live = try space.allocate(10)
    #expect(space.sweep() == 2, "though a program has one of them still open")
    #expect(folder.names.filter { $0 != "pid" } == [live.name, lockName(of: live)].sorted())
    #expect(space.sweep() == 0)
  }

  @Test func whatALivingDaemonHasIsLeftAlone() throws {
    let live = try folder.space().allocate(10)
    let before = folder.names
    #expect(folder.space().sweep() == 0)
    let swept = try probe("sweep", folder)
    #expect(swept.status.exitcode == 0 && swept.output == "0\n")
    #expect(folder.names == before && live.isLinked)
  }

  @Test func nothingIsRemovedThatIsNotSurelyOurs() throws {
    let id = "0123456789abcdef"
    func make(_ name: String) throws { try write("", to: "\(folder.path)/\(name)", mode: 0o600) }
    // Without a lock file; of no number; of no instance.
    let names = [
      "procession-00000000000000aa-1", "procession-\(id)-", "procession-\(id)-1x", "procession-\(id)-1.lock",
      "procession-\(id)1-1", "procession-123-1", "procession-123.lock", "procession-.lock", "psm_\(id)",
      "procession-0123456789ABCDEF.lock",
    ]
    for name in names { try make(name) }
    try make("procession-\(id)-1")
    try make("procession-\(id).lock")
    #expect(folder.space().sweep() == 1)
    #expect(folder.names == names.sorted())
  }

  @Test func aLockThatIsNoPlainFileOfOneNameTellsNothing() throws {
    let target = folder.path + "/target"
    try write("", to: target, mode: 0o600)
    func path(_ digit: Int, _ suffix: String) -> String { "\(folder.path)/procession-000000000000000\(digit)\(suffix)" }
    symlink(target, path(1, ".lock"))
    mkfifo(path(2, ".lock"), 0o600)
    mkdir(path(3, ".lock"), 0o700)
    defer { rmdir(path(3, ".lock")) }
    try write("", to: path(4, ".lock"), mode: 0o600)
    link(path(4, ".lock"), folder.path + "/other")
    for digit in 1...4 { try write("", to: path(digit, "-1"), mode: 0o600) }
    let before = folder.names
    #expect(folder.space().sweep() == 0)
    #expect(folder.names == before)
  }

  @Test func aMemoryThatIsNoPlainFileOfOneNameStaysWithItsLock() throws {
    let id = "0123456789abcdef"
    func path(_ name: String) -> String { "\(folder.path)/procession-\(id)\(name)" }
    try write("", to: path(".lock"), mode: 0o600)
    try write("", to: path("-1"), mode: 0o600)
    link(path("-1"), folder.path + "/other")
    symlink(folder.path + "/other", path("-2"))
    try write("", to: path("-3"), mode: 0o600)
    #expect(folder.space().sweep() == 1)
    #expect(folder.memories == ["other", "procession-\(id)-1", "procession-\(id)-2"])
    // It is tried again, by the lock that stayed.
    unlink(folder.path + "/other")
    unlink(path("-2"))
    #expect(folder.space().sweep() == 1)
    #expect(folder.names == [])
  }

  @Test func anothersFilesAreLeftAlone() throws {
    try #require(geteuid() == 0, "only root can make files of another user")
    let id = "0123456789abcdef"
    for name in [".lock", "-1"] {
      let path = "\(folder.path)/procession-\(id)\(name)"
      try write("", to: path, mode: 0o666)
      #expect(chown(path, 65534, 65534) == 0)
    }
    #expect(folder.space().sweep() == 0)
    #expect(folder.names.count == 2)
  }

  /// Daemons that start and sweep together never take one another's files.
  @Test func spacesThatStartAndSweepTogetherKeepTheirOwn() throws {
    let folder = folder
    let lost = Mutex(0)
    try withThreads(named: "daemon", count: 4) { _ in
      for _ in 0..<200 {
        let space = folder.space()
        space.sweep()
        guard let memory = try? space.allocate(8) else { return }
        space.sweep()
        let isWhole = memory.isLinked && folder.names.contains(lockName(of: memory))
        if !isWhole { lost.withLock { $0 += 1 } }
      }
    }
    #expect(lost.withLock { $0 } == 0)
    #expect(folder.names == [])
  }

  private func lockName(of memory: SharedMemory) -> String {
    memory.name.split(separator: "-").dropLast().joined(separator: "-") + ".lock"
  }
}
