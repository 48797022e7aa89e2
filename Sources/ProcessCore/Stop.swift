import CLinux
import Glibc
import Linux

/// One `stop` under way. It surveys the tree, signals its members, watches them by their pidfds, and surveys again when the
/// last it knows has gone, until a survey finds nobody. A cgroup is held still meanwhile, so that nobody in it is missed.
///
/// The process itself is signalled and watched as the rest of the service does it, by its own pidfd, and is not counted
/// among the members here.
final class Stop: Alarm, @unchecked Sendable {
  // Sendable: what changes is behind the lock.
  private struct State {
    var watched: [CInt: MemberSource] = [:]
    /// Members that the last survey found and could not get hold of: for want of descriptors, or because they were gone by
    /// then, and may have started others.
    var missed: Set<CInt> = []
    var ended: Set<CInt> = []
    var killed: Set<CInt> = []
    var isLeaderAlive: Bool
    var isKilling: Bool
    /// Whether the survey before found nobody either. Members that fork and end may run ahead of one look, hardly of two.
    var isConfirmed = false
    /// A survey is under way, and another is to follow it that sends this.
    var isLooking = false
    var due: CInt?
    var isDone = false

    var isAlone: Bool { watched.isEmpty && !isLeaderAlive }
    var hadCompany: Bool { ended.count > 1 }
  }

  private enum Next {
    case wait, finish
    case look(sending: CInt)
  }

  private let process: Process
  private let tree: TreeSurvey
  private let number: CInt
  private let grace: Double
  private let completion: @Sendable (StopReport) -> Void
  private let state: Mutex<State>
  /// How long SIGKILL may take to be seen.
  private static let killSeconds = 5.0

  init(
    _ process: Process, _ tree: TreeSurvey, isAlive: Bool, signal: CInt, grace: Double,
    _ completion: @escaping @Sendable (StopReport) -> Void
  ) {
    self.process = process
    self.tree = tree
    number = signal
    self.grace = grace
    self.completion = completion
    state = Mutex(State(isLeaderAlive: isAlive, isKilling: signal == SIGKILL))
  }

  private var context: ProcessContext { process.context }
  private var leader: ProcessTree.Leader { tree.leader }

  func begin() {
    context.alarms.set(self, at: .after(seconds: number == SIGKILL ? Self.killSeconds : grace))
    if state.withLock({ $0.isLeaderAlive }) {
      let joined = try? process.join(until: nil) { { _ in self.lostLeader() } }
      if case .parked = joined {} else { lostLeader() }
    }
    survey(sending: number)
  }

  /// The grace is over, or the time that SIGKILL was given.
  override func ring() {
    let wasKilling = state.withLock { state in
      defer { state.isKilling = true }
      return state.isKilling
    }
    if wasKilling { return finish() }
    context.alarms.set(self, at: .after(seconds: Self.killSeconds))
    survey(sending: SIGKILL)
  }

  /// Looks for members when the look under way is over, if there is one: two at once would count as two in turn. SIGKILL is
  /// not forgotten meanwhile.
  private func survey(sending number: CInt) {
    let isFirst = state.withLock { state -> Bool in
      guard !state.isLooking else {
        if state.due != SIGKILL { state.due = number }
        return false
      }
      state.isLooking = true
      return true
    }
    if isFirst { look(sending: number) }
  }

  /// Looks for members, on a thread that may block, and signals those that it meets for the first time; SIGKILL goes to all.
  private func look(sending number: CInt) {
    context.workers.submit { _ in
      self.tree.cgroup?.holdToEnd()
      let members = self.tree.members()
      self.signalLeader(number, members)
      let living = (members ?? []).filter { !$0.isZombie && !$0.is(self.leader) }
      // All of them, not until the first.
      let hasMet = living.map { self.meet($0, number) }.contains(true)
      if number == SIGKILL { self.tree.cgroup?.kill() }
      self.tree.cgroup?.letGo()
      switch self.state.withLock({ Self.next(&$0, living: living.map(\.pid), hasMet: hasMet, number) }) {
      case .wait: break
      case .look(let number): self.look(sending: number)
      case .finish: self.finish()
      }
    }
  }

  private static func next(_ state: inout State, living: [CInt], hasMet: Bool, _ number: CInt) -> Next {
    guard !state.isDone else { return .wait }
    state.missed = Set(living).subtracting(state.watched.keys)
    let wasConfirmed = state.isConfirmed
    state.isConfirmed = living.isEmpty
    if state.isAlone, living.isEmpty, wasConfirmed || !state.hadCompany { return .finish }
    if let number = state.due {
      state.due = nil
      return .look(sending: number)
    }
    // Whoever is new may have been forked by another that this look came too late for.
    if state.isAlone || hasMet && state.isKilling { return .look(sending: number) }
    state.isLooking = false
    return .wait
  }

  /// Once at first, and once more to kill. Without /proc its group is all that can be reached.
  private func signalLeader(_ number: CInt, _ members: [ProcessTree.Member]?) {
    let isDue = state.withLock { state -> Bool in
      guard state.isLeaderAlive, !state.killed.contains(leader.pid) else { return false }
      if number == SIGKILL { state.killed.insert(leader.pid) }
      return true
    }
    guard isDue else { return }
    let isStopped = members?.first { $0.is(leader) }?.isStopped ?? false
    process.life.read { life in
      // Ended already: it is watched.
      try? process.send(number, toGroup: members == nil, &life)
      if isStopped { try? process.send(SIGCONT, toGroup: false, &life) }
    }
  }

  /// Whether it is a member that was not known before.
  private func meet(_ member: ProcessTree.Member, _ number: CInt) -> Bool {
    if let known = state.withLock({ $0.watched[member.pid] }) {
      if number == SIGKILL { send(SIGKILL, to: known) }
      return false
    }
    let found: MemberSource?
    do { found = try MemberSource(member, self) } catch { return false }
    guard let source = found else { return false }
    let isKilling = state.withLock { state in
      state.watched[member.pid] = source
      return state.isKilling
    }
    send(isKilling ? SIGKILL : number, to: source)
    // One that is paused hears nothing but SIGKILL.
    if member.isStopped { source.signal(SIGCONT) }
    source.watch(on: context.reactor)
    return true
  }

  private func send(_ number: CInt, to member: MemberSource) {
    if number == SIGKILL { state.withLock { state in _ = state.killed.insert(member.pid) } }
    member.signal(number)
  }

  /// A member has ended.
  func lost(_ pid: CInt) {
    surveyIfAlone { state in
      state.watched[pid] = nil
      state.ended.insert(pid)
    }
  }

  private func lostLeader() {
    surveyIfAlone { state in
      state.isLeaderAlive = false
      state.ended.insert(self.leader.pid)
    }
  }

  func makeToken() -> UInt64 { context.reactor.makeToken() }

  /// The last that was known is gone; it may have left children that were not there at the last look.
  private func surveyIfAlone(after change: @Sendable (inout State) -> Void) {
    let next = state.withLock { state -> CInt? in
      change(&state)
      return state.isAlone && !state.isDone ? (state.isKilling ? SIGKILL : number) : nil
    }
    if let next { survey(sending: next) }
  }

  private func finish() {
    let last = state.withLock { state -> State? in
      guard !state.isDone else { return nil }
      state.isDone = true
      return state
    }
    guard let last else { return }
    context.alarms.unset(self)
    for source in last.watched.values { source.forget(on: context.reactor) }
    let survivors = last.missed.union(last.watched.keys).union(last.isLeaderAlive ? [leader.pid] : [])
    completion(
      StopReport(
        process: process.snapshot, ended: last.ended.sorted(), killed: last.killed.intersection(last.ended).sorted(),
        survivors: survivors.sorted()))
  }
}

extension ProcessTree.Member {
  /// Whether it is that leader, not another to whom its number went.
  func `is`(_ leader: ProcessTree.Leader) -> Bool { pid == leader.pid && startTime == leader.startTime }
}
