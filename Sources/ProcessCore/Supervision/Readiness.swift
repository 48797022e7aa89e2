import Linux

extension ProcessSpec {
  /// What tells that a process is of use.
  public struct Readiness: Hashable, Sendable {
    public enum Sign: Hashable, Sendable {
      /// It writes a line to this descriptor, which it is given for that.
      case descriptor(CInt)
      /// It accepts connections at this port of the loopback addresses.
      case port(UInt16)
      /// It writes a line to its stdout or stderr that the pattern is found in.
      case line(LinePattern)
      /// A program that is run as the process itself would be exits with 0.
      case command([String])
    }

    public let sign: Sign
    /// Seconds between two looks, where one has to look.
    public let interval: Double

    public init(_ sign: Sign, interval: Double = 0.5) {
      self.sign = sign
      self.interval = interval
    }
  }
}

/// Looks for the sign of one run.
protocol ReadinessProbe: AnyObject, Sendable {
  /// The run is over, or ready.
  func cancel()
}

/// A run of a process: what comes late is of no meaning to the next.
struct Run: Sendable {
  let process: Process
  let number: Int

  var isUnready: Bool {
    process.life.read { life in life.phase == .running && life.starts == number && !life.isReady }
  }

  /// The sign was seen.
  func becomeReady() {
    var probe: (any ReadinessProbe)?
    let isNews = process.life.change { life in
      guard life.phase == .running, life.starts == number, !life.isReady else { return false }
      life.isReady = true
      probe = life.probe.take()
      process.rendering.expire()
      return true
    }
    guard isNews else { return }
    probe?.cancel()
    process.publish("process.ready", [])
    process.context.dependencies.changed(process.name)
  }
}

extension Process {
  /// Begins to look whether it is of use. Its output is looked at where it is read.
  func watchReadiness(_ pipe: consuming FileDescriptor?, of run: Run) {
    guard let readiness = spec.readiness else { return }
    let probe: any ReadinessProbe
    switch readiness.sign {
    case .line: return
    case .descriptor:
      guard let pipe = pipe.take() else { return }
      probe = ReadyPipe(run, owning: pipe.release())
    case .port(let port): probe = PortProbe(run, port, every: readiness.interval)
    case .command(let command): probe = CommandProbe(run, command, every: readiness.interval)
    }
    let isDue = life.change { life in
      guard life.phase == .running, life.starts == run.number else { return false }
      life.probe = probe
      return true
    }
    if !isDue { probe.cancel() }
  }
}

extension ProcessSpec {
  /// Refuses a sign that could not be seen.
  func checkReadiness() throws(CoreError) {
    switch readiness?.sign {
    case .descriptor(let number) where descriptors.contains { $0.number == number }:
      throw CoreError(.invalid(pointer: "/ready/fd"), "the process has another descriptor \(number)")
    case .line where stdout != .capture && stderr != .capture:
      throw CoreError(.invalid(pointer: "/ready/output"), "neither stdout nor stderr is captured")
    default: return
    }
  }
}
