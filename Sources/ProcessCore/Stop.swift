import CLinux
import Glibc
import Linux

/// One `stop` under way. It surveys the tree, signals its members, watches them by their pidfds, and surveys again when the
/// last it knows has gone, until a survey finds nobody.
///
/// The process itself is signalled and watched as the rest of the service does it, by its own pidfd, and is not counted
/// among the members here.
final class Stop: Alarm, @unchecked Sendable {
  // Sendable: what changes is behind the lock.
  private struct State {
    var watched: [CInt: MemberSource] = [:]
    var ended: Set<CInt> = []
    var killed: Set<CInt> = []
    var isLeaderAlive: Bool
    var isKilling = false
    var isDone = false

    var isAlone: Bool { watched.isEmpty && !isLeaderAlive }
  }

  private let process: Process
  private let leader: ProcessTree.Leader
  private let marker: String
  private let number: CInt
  private let grace: Double
  private let completion: @Sendable (StopReport) -> Void
  private let state: Mutex<State>
  /// How long SIGKILL may take to be seen.
  private static let killSeconds = 5.0

  init(
    _ process: Process, leader: ProcessTree.Leader, isAlive: Bool, marker: String, signal: CInt, grace: Double,
    _ completion: @escaping @Sendable (StopReport) -> Void
  ) {
    self.process = process
    self.leader = leader
    self.marker = marker
    number = signal
    self.grace = grace
    self.completion = completion
    state = Mutex(State(isLeaderAlive: isAlive))
  }

  private var context: ProcessContext { process.context }

  func begin() {
    context.alarms.set(self, at: .after(seconds: grace))
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

  /// Looks for members, on a thread that may block, and signals those that it meets for the first time; SIGKILL goes to all.
  private func survey(sending number: CInt) {
    context.workers.submit { _ in
      let members = ProcessTree.members(of: self.leader, marker: (Process.markerName, self.marker))
      self.signalLeader(number, withGroup: members == nil)
      for member in members ?? [] where member.pid != self.leader.pid { self.meet(member, number) }
      if self.state.withLock({ $0.isAlone }) { self.finish() }
    }
  }

  /// Once at first, and once more to kill. Without /proc its group is all that can be reached.
  private func signalLeader(_ number: CInt, withGroup: Bool) {
    let isDue = state.withLock { state -> Bool in
      guard state.isLeaderAlive, !state.killed.contains(leader.pid) else { return false }
      if number == SIGKILL { state.killed.insert(leader.pid) }
      return true
    }
    guard isDue else { return }
    process.life.read { life in try? process.send(number, toGroup: withGroup, &life) }  // Ended already: it is watched.
  }

  private func meet(_ member: ProcessTree.Member, _ number: CInt) {
    if let known = state.withLock({ $0.watched[member.pid] }) {
      if number == SIGKILL { send(SIGKILL, to: known) }
      return
    }
    guard !member.isZombie, let source = MemberSource(member, self) else { return }
    state.withLock { $0.watched[member.pid] = source }
    send(state.withLock { $0.isKilling } ? SIGKILL : number, to: source)
    source.watch(on: context.reactor)
  }

  private func send(_ number: CInt, to member: MemberSource) {
    if number == SIGKILL { state.withLock { state in _ = state.killed.insert(member.pid) } }
    member.signal(number)
  }

  /// A member has ended.
  fileprivate func lost(_ pid: CInt) {
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

  fileprivate func makeToken() -> UInt64 { context.reactor.makeToken() }

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
    let survivors = Set(last.watched.keys).union(last.isLeaderAlive ? [leader.pid] : [])
    completion(
      StopReport(
        process: process.snapshot, ended: last.ended.sorted(), killed: last.killed.intersection(last.ended).sorted(),
        survivors: survivors.sorted()))
  }
}

/// A member of the tree, watched until it ends.
private final class MemberSource: ReactorSource, @unchecked Sendable {
  // Sendable: nothing of it changes.
  let pid: CInt
  private let pidfd: Pidfd
  private let stop: Stop
  private let token: UInt64

  /// nil when the member is gone.
  init?(_ member: ProcessTree.Member, _ stop: Stop) {
    do {
      guard let pidfd = try ProcessTree.open(member) else { return nil }
      self.pidfd = pidfd
    } catch {
      return nil
    }
    pid = member.pid
    self.stop = stop
    token = stop.makeToken()
  }

  func signal(_ number: CInt) {
    _ = try? pidfd.signal(number)  // Gone already, or another user's: the watch, or the list of survivors, tells.
  }

  func watch(on reactor: Reactor) {
    do { try reactor.watch(pidfd.raw, for: EPOLLIN.rawValue, token: token, self) } catch { stop.lost(pid) }
  }

  func ready(_ events: UInt32, on reactor: Reactor) {
    forget(on: reactor)
    stop.lost(pid)
  }

  func forget(on reactor: Reactor) {
    reactor.unwatch(pidfd.raw, token: token)
  }
}
