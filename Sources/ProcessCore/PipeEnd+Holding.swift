import Linux

/// Who keeps an end open, and closing it.
extension PipeEnd {
  /// The session holds the end from now on, until it closes it or ends.
  public func open(for session: Session?) throws(CoreError) {
    let session = try session.required("opening an end")
    try monitor.read { state throws(CoreError) in
      try checkOpen(state)
      guard state[number].holders[ObjectIdentifier(session)] == nil else { return }
      try holds.take()
      do throws(CoreError) { try session.hold(self) } catch {
        holds.giveBack()
        throw error
      }
      state[number].holders[ObjectIdentifier(session)] = Pipe.EndHolder(session: session)
      state[number].wasHeld = true
    }
  }

  /// The session does not hold the end any more; it closes when nobody else does. With `force` it closes whoever holds it. May be
  /// called again.
  public func close(for session: Session?, force: Bool = false) throws(CoreError) {
    let hasClosed = try monitor.change { state throws(CoreError) in
      guard state[number].isOpen else { return false }
      if let session {
        letGo(ObjectIdentifier(session), &state)
      } else if !force, !state[number].holders.isEmpty {
        throw CoreError(.notOwner, "sessions hold this end, and each of them closes it for itself")
      }
      return force || state[number].holders.isEmpty ? close(&state) : false
    }
    if hasClosed { tell() }
  }

  /// Closes it in any case, without a word: the pipe is gone.
  func shut() { monitor.read { state in _ = close(&state) } }

  /// Somebody beside sessions keeps it open from now on, on behalf of one.
  fileprivate func hold(_ hold: EndHold, for session: Session) throws(CoreError) {
    try monitor.read { state throws(CoreError) in
      try checkOpen(state)
      state[number].holders[ObjectIdentifier(hold)] = Pipe.EndHolder(session: session)
    }
  }

  fileprivate func confirm() { monitor.read { $0[number].wasHeld = true } }

  fileprivate func letGo(_ hold: ObjectIdentifier) {
    let hasClosed = monitor.change { state in
      letGo(hold, &state) && state[number].wasHeld && state[number].holders.isEmpty ? close(&state) : false
    }
    if hasClosed { tell() }
  }

  @discardableResult
  private func letGo(_ holder: ObjectIdentifier, _ state: inout Pipe.State) -> Bool {
    guard let gone = state[number].holders.removeValue(forKey: holder) else { return false }
    if holder == ObjectIdentifier(gone.session) {
      holds.giveBack()
      gone.session.letGo(of: self)
    }
    return true
  }

  /// True when it was open.
  private func close(_ state: inout Pipe.State) -> Bool {
    guard state[number].isOpen else { return false }
    for holder in Array(state[number].holders.keys) { letGo(holder, &state) }
    quota.giveBack(state[number].close())
    return true
  }

  private func tell() { log.publish("pipe.closed", pipe, [("end", .integer(number))]) }

  var holders: [Holder] {
    monitor.read { state in
      state[number].holders.values.map { Holder(session: $0.session.name, count: 1, since: $0.since) }
        .sorted { $0.since.seconds < $1.since.seconds }
    }
  }
}

extension PipeEnd: Held {
  func release(allOf session: Session) { letGo(ObjectIdentifier(session)) }
}

/// Keeps an end open for a process: beyond the end of the process's session, until what it wrote is through. Until it is
/// confirmed it leaves no trace when it is released, as is right for a process that could not be started.
final class EndHold: Sendable {
  let end: PipeEnd
  private let isHeld: Atomic<Bool>

  init(_ end: PipeEnd, for session: Session) throws(CoreError) {
    self.end = end
    isHeld = Atomic(false)
    try end.hold(self, for: session)
    isHeld.store(true, ordering: .relaxed)
  }

  deinit { release() }

  func confirm() { end.confirm() }

  /// May be called again.
  func release() {
    if isHeld.exchange(false, ordering: .relaxed) { end.letGo(ObjectIdentifier(self)) }
  }
}
