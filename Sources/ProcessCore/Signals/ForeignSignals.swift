import Glibc
import Linux

extension ProcessManager {
  /// The process that has this pid now and runs.
  public func process(pid: CInt) -> Process? {
    processes.all.first { process in process.life.read { $0.phase == .running && $0.pid == pid } }
  }

  /// Whether the operator lets processes be signalled that are not the service's; `os.kill`.
  public var allowsForeignPids: Bool { context.options.allowsForeignPids }

  /// Sends a signal to a process that need not be the service's. With its start time, in clock ticks since boot, it is that
  /// process or none: without, whoever has the number when this is called.
  public func signal(_ number: CInt, toForeign pid: CInt, startTime: UInt64?, value: CInt? = nil) throws(CoreError) {
    let isSent: Bool
    do throws(SystemError) {
      let pidfd = try Pidfd.open(pid)
      // Looked up after the opening: what has the number now is what the pidfd is of, unless that has ended.
      let isMeant = startTime.map { ProcFile().stat(pid)?.startTime == $0 } ?? true
      isSent = isMeant ? try pidfd.signal(number, value: value) : false
    } catch {
      guard error.errno == ESRCH else { throw .system(error) }
      throw CoreError(.notFound, "there is no process \(pid)")
    }
    guard isSent else { throw CoreError(.notFound, "there is no such process \(pid) any more") }
  }
}
