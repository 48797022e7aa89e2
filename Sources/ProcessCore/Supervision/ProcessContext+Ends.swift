import Linux

extension ProcessContext {
  /// A process has ended for good, as `state`.
  func hasEnded(_ process: Process, as state: ProcessState, _ exit: ProcessExit?) {
    dependencies.remove(process)
    dependencies.changed(process.name)
    guard process.spec.restart?.isEssential == true else { return }
    // Who stops it means it alone; but when the service stops it goes the way that it always would.
    guard state != .stopped || isDraining.load(ordering: .acquiring) else { return }
    let isFirst = essentialEnd.withLock { end in
      guard end == nil else { return false }
      end = EssentialEnd(process: process.name, code: exit?.status.shellCode ?? 1)
      return true
    }
    if isFirst { options.essentialEnded() }
  }
}

/// The end of the first essential process to end.
public struct EssentialEnd: Sendable {
  public let process: Name
  /// As a shell has it: 128 and the signal for one that a signal ended, 1 where there is none.
  public let code: CInt
}

extension ExitStatus {
  fileprivate var shellCode: CInt {
    switch ending {
    case .exited(let code): code
    case .signalled(let number, coreDumped: _): 128 + number
    case .lost: 1
    }
  }
}

extension ProcessManager {
  /// Set once an essential process has ended: the service has to end as it did.
  public var essentialEnd: EssentialEnd? { context.essentialEnd.withLock { $0 } }
}
