import Glibc
import Linux

/// A process or one of its descendants as it was at one moment.
public struct TreeEntry: Sendable {
  public let member: ProcessTree.Member
  /// Its argv as it was then; empty for one that has ended.
  public let command: [String]
  /// What it had in memory then; 0 for one that has ended.
  public let residentBytes: Int

  init(_ member: ProcessTree.Member) {
    self.member = member
    command = ProcFile().command(of: member.pid)
    residentBytes = ProcFile().residentBytes(of: member.pid) ?? 0
  }
}

/// What came of a `pause` or a `resume`.
public struct PauseReport: Sendable {
  public let process: ProcessSnapshot
  /// The members of the tree that do not run now, or that were let run.
  public let members: [CInt]
  /// Members that ran on in spite of SIGSTOP: another user's, or in an uninterruptible sleep.
  public let running: [CInt]
}

extension Process {
  /// The process and every descendant, the eldest first. One that has ended may still have descendants.
  public func tree(then completion: @escaping @Sendable (Result<[TreeEntry], CoreError>) -> Void) throws(CoreError) {
    let survey = try self.survey()
    context.workers.submit { _ in
      guard let members = survey.members() else { return completion(.failure(Self.noProc)) }
      completion(.success(members.map(TreeEntry.init)))
    }
  }

  /// Holds the process and every descendant still, by its cgroup, or by SIGSTOP, again and again until none of them is left
  /// running; `completion` is told then.
  public func pause(then completion: @escaping @Sendable (Result<PauseReport, CoreError>) -> Void) throws(CoreError) {
    Pause(self, try survey(), completion).look()
  }

  /// Lets a tree that was paused go on: what SIGSTOP stopped by SIGCONT, the youngest first, so that no parent sees a child
  /// that is stopped.
  public func resume(then completion: @escaping @Sendable (Result<PauseReport, CoreError>) -> Void) throws(CoreError) {
    let survey = try self.survey()
    context.workers.submit { [self] _ in
      let frozen = survey.members()?.filter { $0.state == .frozen }
      survey.cgroup?.thaw()
      guard let members = survey.members() else { return completion(.failure(Self.noProc)) }
      var resumed = Set(frozen?.map(\.pid) ?? [])
      for member in members.reversed() where member.isStopped && survey.signal(SIGCONT, to: member) {
        resumed.insert(member.pid)
      }
      publish("process.resumed", [("members", .integer(resumed.count))])
      completion(.success(PauseReport(process: snapshot, members: resumed.sorted(), running: [])))
    }
  }

  private func survey() throws(CoreError) -> TreeSurvey {
    try life.read { life throws(CoreError) in
      let tree = try self.tree(life)
      return self.survey(life, tree.leader)
    }
  }

  static let noProc = CoreError.system(SystemError("opendir /proc", errno: ENOENT))
}

/// Looks for the members of one tree, on a thread that may block.
struct TreeSurvey: Sendable {
  let process: Process
  let leader: ProcessTree.Leader
  let marker: String
  let cgroup: Cgroup?

  /// nil without /proc.
  func members() -> [ProcessTree.Member]? {
    let inside = Set(cgroup?.members ?? [])
    let members = ProcessTree.members(of: leader, marker: (Process.markerName, marker), known: inside)
    guard cgroup?.isPaused == true else { return members }
    return members?.map { member in
      var member = member
      if inside.contains(member.pid), !member.isZombie, !member.isStopped { member.state = .frozen }
      return member
    }
  }

  /// False when it is gone, or may not be signalled.
  func signal(_ number: CInt, to member: ProcessTree.Member) -> Bool {
    guard !member.is(leader) else {
      return process.life.read { life in (try? process.send(number, toGroup: false, &life)) != nil }
    }
    do { return try ProcessTree.open(member)?.signal(number) ?? false } catch { return false }
  }
}

/// One `pause` under way. It ends when two looks in turn have found the same members and none of them running: then nobody
/// was there in between who could have started another.
private final class Pause: Alarm, @unchecked Sendable {
  // Sendable: one look follows the other, so that the variables have one user at a time.
  private let process: Process
  private let survey: TreeSurvey
  private let completion: @Sendable (Result<PauseReport, CoreError>) -> Void
  private let deadline = Deadline.after(seconds: 5)
  private var stopped: [CInt] = []
  private static let interval = 0.002

  init(
    _ process: Process, _ survey: TreeSurvey,
    _ completion: @escaping @Sendable (Result<PauseReport, CoreError>) -> Void
  ) {
    self.process = process
    self.survey = survey
    self.completion = completion
  }

  override func ring() { look() }

  func look() {
    process.context.workers.submit { _ in self.step() }
  }

  private func step() {
    survey.cgroup?.pause()
    guard let members = survey.members()?.filter({ !$0.isZombie }) else {
      return completion(.failure(Process.noProc))
    }
    let running = members.filter { !$0.isStopped }
    for member in running { _ = survey.signal(SIGSTOP, to: member) }
    let pids = members.map(\.pid)
    guard (running.isEmpty && pids == stopped) || deadline < .now else {
      stopped = running.isEmpty ? pids : []
      return process.context.alarms.set(self, at: .after(seconds: running.isEmpty ? 0 : Self.interval))
    }
    process.publish("process.paused", [("members", .integer(members.count - running.count))])
    completion(
      .success(
        PauseReport(
          process: process.snapshot, members: members.filter(\.isStopped).map(\.pid).sorted(),
          running: running.map(\.pid).sorted())))
  }
}
