public import Linux

/// A message that somebody works on. It stays the queue's until it is acknowledged.
public struct Reservation: Sendable {
  public let receipt: UInt64
  public let message: Message
}

/// What a queue knows of it.
struct Reserved: Sendable {
  let message: Message
  let session: Session?
  let since = WallTime.now
  /// Seconds that the lease is given each time.
  var lease: Double
  let alarm: Lease
}

/// A message that comes back later.
struct Delayed: Sendable {
  let message: Message
  let alarm: Lease
}

/// Taking a message for a while. Whoever takes it acknowledges it when all is done; until then it comes back by itself when its
/// lease or its session ends.
extension Queue {
  private static let reservers = Lane.inTurn(1, .reserve)  // The getters' own, so that both are served in one order.

  /// Reserves the message at the head, once there is one, for `lease` seconds.
  public func reserve(
    for session: Session?, lease: Double? = nil, until deadline: Deadline?,
    orPark completion: () -> Completion<Reservation>
  ) throws(CoreError) -> Attempted<Reservation> {
    let lease = lease ?? settings.lease
    return try monitor.attempt(
      in: Self.reservers, until: deadline, for: session,
      { state throws(CoreError) in
        guard let message = try state.take() else { return nil }
        do throws(CoreError) { return try self.reserve(message, session, lease, &state) } catch {
          state.waiting.prepend(message)
          throw error
        }
      }, orPark: completion)
  }

  /// It is done: the message is gone. On a joinable queue it counts as done.
  public func acknowledge(_ receipt: UInt64, for session: Session?) throws(CoreError) {
    let cost = try monitor.change { state throws(CoreError) in
      let message = try take(receipt, session, &state)
      state.finish(1)
      return message.cost
    }
    quota.giveBack(cost)
  }

  /// It is not done: the message goes back to the head, at once or after `delay` seconds.
  public func giveBack(_ receipt: UInt64, for session: Session?, delay: Double = 0) throws(CoreError) {
    try monitor.change { state throws(CoreError) in
      let message = try take(receipt, session, staysCounted: delay > 0, &state)
      guard delay > 0 else { return state.putBack(message) }
      let alarm = Lease(delay) { [weak self] in self?.comeBack(receipt) }
      state.delayed[receipt] = Delayed(message: message, alarm: alarm)
      alarms.set(alarm, at: .after(seconds: delay))
    }
  }

  /// Renews the lease: it ends `lease` seconds from now, without it as many as it was given before.
  public func touch(_ receipt: UInt64, for session: Session?, lease: Double? = nil) throws(CoreError) {
    try monitor.read { state throws(CoreError) in
      var reserved = try find(receipt, session, state)
      reserved.lease = lease ?? reserved.lease
      state.reservations[receipt] = reserved
      alarms.set(reserved.alarm, at: .after(seconds: reserved.lease))
    }
  }

  /// Nobody got the receipt: the message goes back to the head.
  public func putBack(_ reservation: Reservation) {
    monitor.change { state in
      if let message = remove(reservation.receipt, &state) { state.putBack(message) }
    }
  }

  func release(allOf session: Session) {
    monitor.change { state in
      // The last first, so that they are in their order again.
      for receipt in (state.owned[ObjectIdentifier(session)] ?? []).sorted(by: >) {
        if let message = remove(receipt, &state) { state.putBack(message) }
      }
    }
  }

  public var holders: [Holder] {
    monitor.read { state in
      state.owned.values.compactMap { receipts in
        guard let first = receipts.min().flatMap({ state.reservations[$0] }), let session = first.session else {
          return nil
        }
        return Holder(session: session.name, count: receipts.count, since: first.since)
      }
    }
  }
}

/// Under the lock.
extension Queue {
  private func reserve(
    _ message: Message, _ session: Session?, _ lease: Double, _ state: inout State
  ) throws(CoreError) -> Reservation {
    try reservations.take()
    do throws(CoreError) { try session?.hold(self) } catch {
      reservations.giveBack()
      throw error
    }
    state.lastReceipt &+= 1
    let receipt = state.lastReceipt
    let alarm = Lease(lease) { [weak self] in self?.expire(receipt) }
    state.reservations[receipt] = Reserved(message: message, session: session, lease: lease, alarm: alarm)
    if let session { state.owned[ObjectIdentifier(session), default: []].insert(receipt) }
    alarms.set(alarm, at: .after(seconds: lease))
    return Reservation(receipt: receipt, message: message)
  }

  private func find(_ receipt: UInt64, _ session: Session?, _ state: borrowing State) throws(CoreError) -> Reserved {
    guard let reserved = state.reservations[receipt] else {
      throw CoreError(.notOwner, "there is no such reservation: it was given back or done, or its lease has ended")
    }
    guard reserved.session == nil || reserved.session === session else { throw .notOwner }
    return reserved
  }

  private func take(
    _ receipt: UInt64, _ session: Session?, staysCounted: Bool = false, _ state: inout State
  ) throws(CoreError) -> Message {
    let reserved = try find(receipt, session, state)
    _ = remove(receipt, staysCounted: staysCounted, &state)
    return reserved.message
  }

  /// Ends a reservation, whoever has it. `staysCounted`: the message is not had yet all the same.
  func remove(_ receipt: UInt64, staysCounted: Bool = false, _ state: inout State) -> Message? {
    guard let reserved = state.reservations.removeValue(forKey: receipt) else { return nil }
    alarms.unset(reserved.alarm)
    if !staysCounted { reservations.giveBack() }
    if let session = reserved.session {
      state.owned[ObjectIdentifier(session)]?.remove(receipt)
      if state.owned[ObjectIdentifier(session)]?.isEmpty == true { state.owned[ObjectIdentifier(session)] = nil }
      session.letGo(of: self)
    }
    return reserved.message
  }
}

/// On the thread that drives the alarms.
extension Queue {
  private func expire(_ receipt: UInt64) {
    monitor.change { state in
      // An alarm that is set is one that was set anew while this was about to be called.
      guard let reserved = state.reservations[receipt], !alarms.isSet(reserved.alarm) else { return }
      if let message = remove(receipt, &state) { state.putBack(message) }
    }
  }

  private func comeBack(_ receipt: UInt64) {
    monitor.change { state in
      guard let delayed = state.delayed.removeValue(forKey: receipt) else { return }
      reservations.giveBack()
      state.putBack(delayed.message)
    }
  }
}
