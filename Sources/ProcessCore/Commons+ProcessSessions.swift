import Linux

/// The sessions that end with a process.
extension Commons {
  /// What runs under a name, and the sessions that end with it.
  ///
  /// A name may have two for a moment: a pool that is made anew has workers of the names of those that are still ending.
  struct SessionOwner {
    let process: ObjectIdentifier
    var sessions: [Session] = []
  }

  /// `process` starts under that name: it has a session of its own from now on, and others may be bound to it.
  func beginSessions(of name: Name, _ process: AnyObject) throws(CoreError) -> Session {
    let started = SessionOwner(process: ObjectIdentifier(process))
    bound.withLock { $0[name, default: []].append(started) }
    var settings = Session.Settings(process: name)
    settings.owner = started.process
    return try sessions.create(nil, settings, in: self)
  }

  /// `process` has ended.
  func endSessions(of name: Name, _ process: AnyObject) {
    let ended = bound.withLock { bound -> [Session] in
      guard let index = bound[name]?.firstIndex(where: { $0.process == ObjectIdentifier(process) }) else { return [] }
      let ended = bound[name]?.remove(at: index).sessions
      if bound[name]?.isEmpty == true { bound[name] = nil }
      return ended ?? []
    }
    for session in ended { try? sessions.delete(session, CoreError(.closed, "its process has ended")) }
  }

  /// To the process that owns it, else to the one that started last under that name.
  func bind(_ session: Session, to name: Name) throws(CoreError) {
    let isRunning = bound.withLock { bound in
      let index = bound[name]?.lastIndex { session.settings.owner == nil || session.settings.owner == $0.process }
      if let index { bound[name]?[index].sessions.append(session) }
      return index != nil
    }
    guard isRunning else {
      throw CoreError(.invalid(pointer: "/process"), "there is no process '\(name)' that runs")
    }
  }

  /// The session ended first.
  func unbind(_ session: Session, from name: Name) {
    bound.withLock { bound in
      for index in bound[name]?.indices ?? 0..<0 { bound[name]?[index].sessions.removeAll { $0 === session } }
    }
  }
}
