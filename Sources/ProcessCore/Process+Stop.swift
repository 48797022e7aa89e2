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
  /// whole tree was seen to be gone, or that something survived. A process that has ended still has its descendants ended. It
  /// is not started again, whatever its policy: one that waits to be has ended by the time that this returns.
  public func stop(
    signal: CInt, grace: Double, then completion: @escaping @Sendable (StopReport) -> Void
  ) throws(CoreError) {
    var told: [() -> Void] = []
    let begun = try life.change { life throws(CoreError) -> Begun in
      if life.phase == .starting {
        life.isStopping = true
        life.askedFor = .stopped
        return .later
      }
      if let ended = endWaiting(&life) { told = ended }
      if !told.isEmpty, life.pid == nil { return .over }
      let tree = try self.tree(life)
      life.isStopping = true
      if tree.isAlive, life.askedFor == nil { life.askedFor = .stopped }
      return .stop(
        Stop(
          self, survey(life, tree.leader), isAlive: tree.isAlive, signal: signal, grace: grace, completion))
    }
    for tell in told { tell() }
    switch begun {
    case .over: completion(nothingToStop)
    case .later:
      whenStarted {
        do throws(CoreError) { try self.stop(signal: signal, grace: grace, then: completion) } catch {
          completion(self.nothingToStop)  // It could not be started.
        }
      }
    case .stop(let stop):
      publish("process.stopping", [("signal", .text(signalName(signal)))])
      stop.begin()
    }
  }

  /// How a stop begins: with one that never ran it is over, and with one that is being started it is put off.
  private enum Begun {
    case stop(Stop), later, over
  }

  private var nothingToStop: StopReport { StopReport(process: snapshot, ended: [], killed: [], survivors: []) }

  /// Sends a signal to the process and every descendant, once; `completion` is told when it was sent.
  public func signalTree(_ number: CInt, then completion: @escaping @Sendable () -> Void) throws(CoreError) {
    let survey = try life.read { life throws(CoreError) in
      let tree = try self.tree(life)
      guard tree.isAlive else { throw CoreError(.notRunning, "the process has ended") }
      return self.survey(life, tree.leader)
    }
    context.workers.submit { [self] _ in
      let members = survey.members()
      life.read { life in try? send(number, toGroup: members == nil, &life) }
      for member in members ?? [] where member.pid != survey.leader.pid {
        do { try ProcessTree.open(member)?.signal(number) } catch {}  // Gone meanwhile.
      }
      publish("process.signalled", [("signal", .text(signalName(number)))])
      completion()
    }
  }

  func survey(_ life: borrowing Life, _ leader: ProcessTree.Leader) -> TreeSurvey {
    TreeSurvey(process: self, leader: leader, marker: life.marker, cgroup: life.cgroup)
  }

  func tree(_ life: borrowing Life) throws(CoreError) -> (leader: ProcessTree.Leader, isAlive: Bool) {
    guard let pid = life.pid, life.phase != .starting else {
      throw CoreError(.notRunning, "the process was not started")
    }
    let isAlive = life.phase == .running
    return (isAlive ? ProcessTree.Leader(unreaped: pid) : ProcessTree.Leader(reaped: pid), isAlive)
  }
}
