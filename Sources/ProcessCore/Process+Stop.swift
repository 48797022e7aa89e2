import Linux

/// What came of a `stop`.
public struct StopReport: Sendable {
  public let process: ProcessSnapshot
  /// The members of the tree that were seen to end, the process itself included.
  public let ended: [CInt]
  /// Those of them that SIGKILL was needed for.
  public let killed: [CInt]
  /// Members that outlived even SIGKILL, in an uninterruptible sleep for example.
  public let survivors: [CInt]
}

extension Process {
  /// Ends the process and every descendant: by `signal`, and after `grace` seconds by SIGKILL. `completion` is told when the
  /// whole tree was seen to be gone, or that something survived. A process that has ended still has its descendants ended.
  public func stop(
    signal: CInt, grace: Double, then completion: @escaping @Sendable (StopReport) -> Void
  ) throws(CoreError) {
    let stop = try life.read { life throws(CoreError) -> Stop in
      let tree = try self.tree(life)
      if tree.isAlive, life.askedFor == nil { life.askedFor = .stopped }
      return Stop(
        self, leader: tree.leader, isAlive: tree.isAlive, marker: life.marker, signal: signal, grace: grace, completion)
    }
    context.events.publish("process.stopping", name, [("signal", .text(signalName(signal)))])
    stop.begin()
  }

  /// Sends a signal to the process and every descendant, once; `completion` is told when it was sent.
  public func signalTree(_ number: CInt, then completion: @escaping @Sendable () -> Void) throws(CoreError) {
    let (leader, marker) = try life.read { life throws(CoreError) in
      let tree = try self.tree(life)
      guard tree.isAlive else { throw CoreError(.notRunning, "the process has ended") }
      return (tree.leader, life.marker)
    }
    context.workers.submit { [self] _ in
      let members = ProcessTree.members(of: leader, marker: (Self.markerName, marker))
      life.read { life in try? send(number, toGroup: members == nil, &life) }
      for member in members ?? [] where member.pid != leader.pid {
        do { try ProcessTree.open(member)?.signal(number) } catch {}  // Gone meanwhile.
      }
      context.events.publish("process.signalled", name, [("signal", .text(signalName(number)))])
      completion()
    }
  }

  private func tree(_ life: borrowing Life) throws(CoreError) -> (leader: ProcessTree.Leader, isAlive: Bool) {
    guard let pid = life.pid, life.phase != .starting else {
      throw CoreError(.notRunning, "the process was not started")
    }
    let isAlive = life.phase == .running
    return (isAlive ? ProcessTree.Leader(unreaped: pid) : ProcessTree.Leader(reaped: pid), isAlive)
  }
}
