import Glibc
import Linux

/// Runs a program every now and then until it exits with 0. One at a time, and none for longer than ten seconds.
final class CommandProbe: Alarm, ReadinessProbe, @unchecked Sendable {
  // Sendable: what changes is behind the lock.
  private let run: Run
  private let spec: ProcessSpec
  private let interval: Double
  private let state = Mutex<(program: Process?, isOver: Bool)>((nil, false))

  private var context: ProcessContext { run.process.context }

  init(_ run: Run, _ command: [String], every interval: Double) {
    self.run = run
    self.interval = interval
    let process = run.process.spec
    var spec = ProcessSpec(command: command)
    spec.environment = process.environment
    spec.inheritsEnvironment = process.inheritsEnvironment
    spec.workingDirectory = process.workingDirectory
    spec.user = process.user
    spec.umask = process.umask
    spec.limits = process.limits
    spec.stdout = .null
    spec.stderr = .null
    spec.timeout = ProcessSpec.Timeout(seconds: 10, signal: SIGKILL, grace: 0)
    self.spec = spec
    super.init()
    context.alarms.set(self, at: .now)
  }

  override func ring() {
    // No client can find it: no name that it could be called by has a colon.
    let program = Process(Name(unchecked: "\(run.process.name):ready"), spec, in: context, channel: nil)
    let isOver = state.withLock { state in
      if !state.isOver { state.program = program }
      return state.isOver
    }
    guard !isOver, run.isUnready else { return }
    do throws(CoreError) {
      try program.start { result in
        if case .failure = result { self.tryAgain() } else { program.whenOver { self.judge(program) } }
      }
    } catch {
      tryAgain()
    }
  }

  private func judge(_ program: Process) {
    if program.snapshot.exit?.status.exitcode == 0 { run.becomeReady() } else { tryAgain() }
  }

  private func tryAgain() {
    let isOver = state.withLock { state in
      state.program = nil
      return state.isOver
    }
    if !isOver { context.alarms.set(self, at: .after(seconds: interval)) }
  }

  func cancel() {
    context.alarms.unset(self)
    let program = state.withLock { state in
      state.isOver = true
      return state.program.take()
    }
    try? program?.kill()  // It may have ended, and need not have begun.
  }
}
