import CLinux
import Glibc
import Linux
import Testing

@testable import ProcessCore

@Suite(.serialized) struct ProcessTreeTests {
  private let marker = (name: "PROCESSION_TREE", value: "tree-\(getpid())-\(UInt32.random(in: 0...UInt32.max))")

  /// Starts a script with the marker and waits until it has written a line, which is returned.
  private func start(_ script: String, _ body: (borrowing Child, String) throws -> Void) throws {
    try Subreaper.enable()
    var ends: [CInt] = [0, 0]
    try system("pipe") { clinux_pipe(&ends) }
    let reading = FileDescriptor(owning: ends[0])
    let writing = FileDescriptor(owning: ends[1])
    var request = SpawnRequest(command: ["/bin/sh", "-c", script])
    request.environment = [("PATH", "/usr/bin:/bin"), marker]
    request.descriptors = [(writing.raw, 1)]
    request.diesWithSpawner = false
    var spawner = try Spawner()
    let child = try spawner.spawn(request)
    var line = [UInt8](repeating: 0, count: 100)
    let count = read(reading.raw, &line, line.count)
    try body(child, String(decoding: line.prefix(max(count - 1, 0)), as: UTF8.self))
    // Everybody's end: kill until there is none, and be init for those who became ours.
    var killed: [CInt] = []
    while true {
      let living = members(of: child).filter { !$0.isZombie }
      if living.isEmpty { break }
      for member in living where try ProcessTree.open(member)?.signal(SIGKILL) == true { killed.append(member.pid) }
    }
    _ = end(of: child.pidfd)
    for pid in killed { waitpid(pid, nil, 0) }
    #expect(members(of: child) == [])
  }

  private func members(of child: borrowing Child, _ value: String? = nil) -> [ProcessTree.Member] {
    let leader = ProcessTree.Leader(unreaped: child.pid)
    return ProcessTree.members(of: leader, marker: (marker.name, value ?? marker.value)) ?? []
  }

  private func pids(_ child: borrowing Child) -> [CInt] {
    members(of: child).map(\.pid)
  }

  @Test func childrenAndTheirChildrenAreMembers() throws {
    try start("sh -c 'sleep 100 & echo $!; wait' & wait") { child, line in
      let sleeper = try #require(CInt(line))
      #expect(pids(child).count == 3)
      #expect(pids(child).contains(child.pid) && pids(child).contains(sleeper))
    }
  }

  @Test func oneThatRanAwayIsFoundAfterItsParentsEnd() throws {
    // Its parent and its grandparent are gone, its session is its own, and its own child follows it.
    try start("(setsid sh -c 'sleep 100 & echo $$; wait' &) ; sleep 100") { child, line in
      let runaway = try #require(CInt(line))
      while ProcFile().stat(runaway)?.parent != getpid() { sched_yield() }
      #expect(ProcFile().stat(runaway)?.session == runaway)
      #expect(pids(child).contains(runaway))
      #expect(pids(child).count == 4)
      // Without the marker it is a stranger: that is what found it.
      let others = members(of: child, "other")
      #expect(others.count == 2 && !others.contains { $0.pid == runaway })
    }
  }

  @Test func theTreeIsFoundWhileItsLeaderIsAZombie() throws {
    try start("setsid sleep 100 & echo $!; exit 0") { child, line in
      var poll = pollfd(fd: child.pidfd.raw, events: Int16(POLLIN), revents: 0)
      Glibc.poll(&poll, 1, -1)
      let members = members(of: child)
      #expect(members.first { $0.pid == child.pid }?.isZombie == true)
      #expect(members.contains { String($0.pid) == line && !$0.isZombie })
    }
  }

  @Test func aNumberThatIsAnothersNowIsNotOpened() throws {
    try start("sleep 100 & echo $!; wait") { child, line in
      let member = try #require(members(of: child).first { String($0.pid) == line })
      let isOpen = try ProcessTree.open(member) != nil
      #expect(isOpen)
      var stat = try #require(ProcFile().stat(member.pid))
      stat.startTime -= 1
      let earlier = ProcessTree.Member(stat)
      let isOther = try ProcessTree.open(earlier) != nil
      #expect(!isOther)
    }
    var stat = try #require(ProcFile().stat(getpid()))
    stat.pid = 1 << 22 - 1
    let isThere = try ProcessTree.open(ProcessTree.Member(stat)) != nil
    #expect(!isThere)
  }

  @Test func aNameWithParenthesesIsReadRight() throws {
    let directory = try temporaryDirectory()
    let odd = "\(directory)/) R 1 1 1"
    symlink("/bin/sleep", odd)
    try start("'\(odd)' 100 & echo $!; wait") { child, line in
      let pid = try #require(CInt(line))
      while contents(of: "/proc/\(pid)/comm") != ") R 1 1 1\n" { sched_yield() }
      #expect(ProcFile().stat(pid)?.parent == child.pid)
      #expect(ProcFile().stat(pid)?.session == child.pid)
    }
  }

  @Test func withoutProcNobodyIsFound() {
    let leader = ProcessTree.Leader(reaped: 42)
    #expect(ProcessTree.members(of: leader, marker: marker, in: ProcFile(root: "/nonexistent")) == nil)
  }

  /// Numbers begin anew when the highest was given, and start times are told in hundredths of a second.
  @Test func aParentComesBeforeItsChildThoughItsNumberIsHigher() throws {
    let proc = try temporaryDirectory()
    func add(_ pid: CInt, parent: CInt, startTime: Int) throws {
      mkdir("\(proc)/\(pid)", 0o700)
      let zeros = Array(repeating: "0", count: 15).joined(separator: " ")
      try write("\(pid) (x) S \(parent) 1 1 \(zeros) \(startTime) 0 0\n", to: "\(proc)/\(pid)/stat", mode: 0o600)
    }
    try add(32767, parent: getpid(), startTime: 500)
    try add(304, parent: 32767, startTime: 500)
    try add(303, parent: 304, startTime: 500)
    try add(302, parent: 303, startTime: 500)
    try add(301, parent: 32767, startTime: 501)
    let members = ProcessTree.members(
      of: ProcessTree.Leader(reaped: 32767), marker: marker, known: [32767], in: ProcFile(root: proc))
    #expect(members?.map(\.pid) == [32767, 304, 303, 302, 301])
  }

  @Test func aStrangerWithTheLeadersNumberIsNoMember() throws {
    try start("sleep 100 & echo; wait") { child, _ in
      #expect(members(of: child).count == 2)
      // As if the leader had been reaped and its number were another's now.
      let reaped = ProcessTree.Leader(reaped: child.pid)
      #expect(ProcessTree.members(of: reaped, marker: (marker.name, "other")) == [])
    }
  }
}
