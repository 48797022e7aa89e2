import CLinux
import Glibc
import Linux

/// What came of a `stop`.
public struct StopReport: Sendable {
  public let process: ProcessSnapshot
  /// The members of the tree that are gone, the process itself included.
  public let ended: [CInt]
  /// Those of them that SIGKILL was needed for.
  public let killed: [CInt]
  /// Members that outlived even SIGKILL, in an uninterruptible sleep for example.
  public let survivors: [CInt]
}

extension Process {
  /// Sends a signal to the process and every descendant, once; `completion` is told when it was sent.
  public func signalTree(_ number: CInt, then completion: @escaping @Sendable () -> Void) throws(CoreError) {
    let (leader, marker) = try life.read { life -> Result<(CInt, String), CoreError> in
      guard case .running = life.phase, let pid = life.pid else {
        return .failure(CoreError(.notRunning, "the process does not run"))
      }
      return .success((pid, life.marker))
    }.get()
    context.workers.submit { _ in
      for member in ProcessTree.members(of: leader, marker: (Self.markerName, marker)) {
        do { try ProcessTree.open(member)?.signal(number) } catch {}  // Gone meanwhile.
      }
      self.context.events.publish("process.signalled", self.name, [("signal", .text(signalName(number)))])
      completion()
    }
  }

  /// Ends the process and every descendant: by `signal`, and after `grace` seconds by SIGKILL. `completion` is told when the
  /// whole tree was seen to be gone, or that something survived. A process that has ended still has its descendants ended.
  public func stop(
    signal: CInt, grace: Double, then completion: @escaping @Sendable (StopReport) -> Void
  ) throws(CoreError) {
    let (leader, marker) = try life.change { life throws(CoreError) -> (CInt, String) in
      guard let pid = life.pid, life.phase != .starting else {
        throw CoreError(.notRunning, "the process was not started")
      }
      if life.phase == .running, life.askedFor == nil { life.askedFor = .stopped }
      return (pid, life.marker)
    }
    context.events.publish("process.stopping", name, [("signal", .text(signalName(signal)))])
    Stop(self, leader: leader, marker: marker, signal: signal, grace: grace, completion).begin()
  }
}

/// One `stop` under way. It surveys the tree, signals its members, watches them by their pidfds, and surveys again when the
/// last it knows has gone, until a survey finds nobody.
private final class Stop: Alarm, @unchecked Sendable {
  // Sendable: what changes is behind the lock.
  private struct State {
    var watched: [CInt: MemberSource] = [:]
    var ended: Set<CInt> = []
    var killed: Set<CInt> = []
    var isKilling = false
    var isDone = false
  }

  private let process: Process
  private let leader: CInt
  private let marker: String
  private let number: CInt
  private let grace: Double
  private let completion: @Sendable (StopReport) -> Void
  private let state = Mutex(State())
  /// How long SIGKILL may take to be seen.
  private static let killSeconds = 5.0

  init(
    _ process: Process, leader: CInt, marker: String, signal: CInt, grace: Double,
    _ completion: @escaping @Sendable (StopReport) -> Void
  ) {
    self.process = process
    self.leader = leader
    self.marker = marker
    number = signal
    self.grace = grace
    self.completion = completion
  }

  private var context: ProcessContext { process.context }

  func begin() {
    context.alarms.set(self, at: .after(seconds: grace))
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

  /// Looks for members, on a thread that may block, and sends them `number`; those already watched only when it kills.
  private func survey(sending number: CInt) {
    context.workers.submit { _ in
      let members = ProcessTree.members(of: self.leader, marker: (Process.markerName, self.marker))
      for member in members { self.meet(member, number) }
      self.endIfAlone()
    }
  }

  private func meet(_ member: ProcessTree.Member, _ number: CInt) {
    let known = state.withLock { $0.watched[member.pid] }
    if let known {
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
    let isLast = state.withLock { state in
      state.watched[pid] = nil
      state.ended.insert(pid)
      return state.watched.isEmpty
    }
    // It may have left children that were not there at the last look.
    if isLast { survey(sending: state.withLock { $0.isKilling } ? SIGKILL : number) }
  }

  private func endIfAlone() {
    guard state.withLock({ $0.watched.isEmpty }) else { return }
    finish()
  }

  private func finish() {
    let ended = state.withLock { state -> State? in
      guard !state.isDone else { return nil }
      state.isDone = true
      return state
    }
    guard let ended else { return }
    context.alarms.unset(self)
    for source in ended.watched.values { source.forget(on: context.reactor) }
    // The leader's own pidfd is watched by the process, which may be told a moment later than we were.
    let report: @Sendable (ProcessSnapshot) -> Void = { snapshot in
      self.completion(
        StopReport(
          process: snapshot, ended: ended.ended.sorted(), killed: ended.killed.intersection(ended.ended).sorted(),
          survivors: ended.watched.keys.sorted()))
    }
    let joined = try? process.join(until: .after(seconds: Self.killSeconds)) {
      { [process] outcome in if case .value(let snapshot) = outcome { report(snapshot) } else { report(process.snapshot) } }
    }
    if case .done(let snapshot) = joined { report(snapshot) } else if joined == nil { report(process.snapshot) }
  }
}

/// A member of the tree, watched until it ends.
private final class MemberSource: ReactorSource, @unchecked Sendable {
  // Sendable: `token` is behind the lock; the rest never changes.
  let pid: CInt
  private let pidfd: Pidfd
  private let stop: Stop
  private let token = Mutex<UInt64?>(nil)

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
  }

  func signal(_ number: CInt) {
    _ = try? pidfd.signal(number)  // Gone already, or another user's: the watch, or the list of survivors, tells.
  }

  func watch(on reactor: Reactor) {
    guard let token = try? reactor.watch(pidfd.raw, for: EPOLLIN.rawValue, self) else { return stop.lost(pid) }
    self.token.withLock { $0 = token }
  }

  func ready(_ events: UInt32, on reactor: Reactor) {
    forget(on: reactor)
    stop.lost(pid)
  }

  func forget(on reactor: Reactor) {
    if let token = token.withLock({ $0.take() }) { reactor.unwatch(pidfd.raw, token: token) }
  }
}
