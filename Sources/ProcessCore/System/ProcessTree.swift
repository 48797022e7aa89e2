import CLinux
import Glibc
public import Linux

/// All that came of a child: what it started, what those started, and what has run away from it.
///
/// A process leaves its parent by letting it die, its group and session by `setsid`. One that has done both becomes a
/// child of PID 1 of our container, or of ours with `Subreaper` on, and is known by a variable that was in its leader's
/// environment alone. One that also clears its environment escapes, if no cgroup holds it.
public enum ProcessTree {
  /// A process that was there when it was looked for. It is signalled through `open`, never by its number.
  public struct Member: Hashable, Sendable {
    public let pid: CInt
    /// Of its parent, its process group and its session.
    public let parent, group, session: CInt
    /// In clock ticks since boot: with the number, what tells it from a later process.
    public let startTime: UInt64
    public internal(set) var state: State
    /// In user mode and in the kernel, with a resolution of a hundredth.
    public let cpuSeconds: Double

    /// It has ended already and waits for its parent to notice.
    public var isZombie: Bool { state == .zombie || state == .dead }
    /// It does not run until SIGCONT, until whoever traces it lets it, or until its cgroup is thawed.
    public var isStopped: Bool { [.stopped, .traced, .frozen].contains(state) }

    /// As proc(5) has it.
    public enum State: String, CaseIterable, Sendable {
      /// It runs, or could.
      case running
      case sleeping
      /// In a sleep that no signal interrupts.
      case blocked
      case stopped, traced, zombie, dead
      /// Held still with its whole cgroup, whatever it did then.
      case frozen
      /// A thread of the kernel's that has nothing to do.
      case idle
    }
  }

  /// A child of ours, whose number is its session's as well.
  public struct Leader: Hashable, Sendable {
    public let pid: CInt
    /// In clock ticks since boot; `nil` when it was reaped before anybody looked, or without /proc.
    public let startTime: UInt64?

    /// Of a child that is not reaped, so that its number is still its own.
    public init(unreaped pid: CInt) {
      self.pid = pid
      startTime = ProcFile().stat(pid)?.startTime
    }

    /// Of a child that was reaped: whoever has its number now is a stranger.
    public init(reaped pid: CInt) {
      self.pid = pid
      startTime = nil
    }
  }

  /// The leader, if it is there, and all that came of it, but never ourselves, the eldest first and none before its
  /// parent; `nil` without /proc.
  ///
  /// Processes that start during the look may be missed: who wants all of them gone looks again until none lives. A runaway
  /// that has ended is not found, since its environment went with it; it is left to whoever reaps orphans. `known` are
  /// members, however they came to be.
  public static func members(
    of leader: Leader, marker: (name: String, value: String), known: Set<CInt> = []
  ) -> [Member]? {
    members(of: leader, marker: marker, known: known, in: ProcFile())
  }

  static func members(
    of leader: Leader, marker: (name: String, value: String), known: Set<CInt> = [], in proc: ProcFile
  ) -> [Member]? {
    guard let pids = proc.pids(), !pids.isEmpty else { return nil }
    let ourselves = getpid()
    let adopter = clinux_adopter()
    let entry = Array("\(marker.name)=\(marker.value)".utf8)
    var stats: [CInt: ProcFile.Stat] = [:]
    for pid in known.union(pids) where pid != ourselves { stats[pid] = proc.stat(pid) }
    let children = Dictionary(grouping: stats.values, by: \.parent)

    // A session keeps its number from being used again for as long as it has members: only when a stranger has it are
    // those with the number strangers too.
    let isStrangers = stats[leader.pid].map { $0.startTime != leader.startTime } ?? false
    var queue = stats.values.filter { stat in
      known.contains(stat.pid) || (!isStrangers && (stat.pid == leader.pid || stat.session == leader.pid))
        || (stat.parent == adopter && proc.environment(of: stat.pid, holds: entry))
    }
    var found: [CInt: ProcFile.Stat] = [:]
    while let stat = queue.popLast() {
      guard found.updateValue(stat, forKey: stat.pid) == nil else { continue }
      queue += children[stat.pid] ?? []
    }
    let depths = depths(of: found, children)
    return found.values.map { Member($0) }.sorted {
      ($0.startTime, depths[$0.pid] ?? 0, $0.pid) < ($1.startTime, depths[$1.pid] ?? 0, $1.pid)
    }
  }

  /// How many of the others came before each: a family may start within one tick, and numbers begin anew at the highest.
  private static func depths(
    of found: [CInt: ProcFile.Stat], _ children: [CInt: [ProcFile.Stat]]
  ) -> [CInt: Int] {
    var depths: [CInt: Int] = [:]
    var level = found.values.filter { found[$0.parent] == nil }
    var depth = 0
    while !level.isEmpty {
      for stat in level { depths[stat.pid] = depth }
      level = level.flatMap { children[$0.pid] ?? [] }
      depth += 1
    }
    return depths
  }

  /// The member itself, or `nil` if it is gone, even if its number is another's by now.
  public static func open(_ member: Member) throws(SystemError) -> Pidfd? {
    let pidfd: Pidfd
    do {
      pidfd = try Pidfd.open(member.pid)
    } catch {
      guard error.errno == ESRCH else { throw error }
      return nil
    }
    // Looked up after the opening: if the number is still the member's now, the pidfd cannot be another's.
    guard ProcFile().stat(member.pid)?.startTime == member.startTime else { return nil }
    return pidfd
  }
}

extension ProcessTree.Member {
  private static let ticks = Double(sysconf(CInt(_SC_CLK_TCK)))

  init(_ stat: ProcFile.Stat) {
    pid = stat.pid
    parent = stat.parent
    group = stat.group
    session = stat.session
    startTime = stat.startTime
    state = State(letter: stat.state)
    cpuSeconds = Double(stat.cpuTime) / Self.ticks
  }
}

extension ProcessTree.Member.State {
  fileprivate init(letter: UInt8) {
    switch letter {
    case UInt8(ascii: "S"): self = .sleeping
    case UInt8(ascii: "D"): self = .blocked
    case UInt8(ascii: "T"): self = .stopped
    case UInt8(ascii: "t"): self = .traced
    case UInt8(ascii: "Z"): self = .zombie
    case UInt8(ascii: "X"), UInt8(ascii: "x"): self = .dead
    case UInt8(ascii: "I"): self = .idle
    default: self = .running
    }
  }
}

/// Orphaned descendants become children of this process, for as long as it lives, instead of init's.
public enum Subreaper {
  /// From now on somebody must reap them.
  public static func enable() throws(SystemError) {
    try system("prctl") { clinux_become_subreaper() }
  }
}
