import Glibc
import Linux
import ProcessCore

/// Starts and joins /bin/true in the core, one after the other, without HTTP.
///
/// `CoreBench SECONDS MIB null|capture` touches MIB mebibytes first; the last word is what becomes of the child's output.
/// Prints the number of children and the seconds they took.
@main
struct CoreBench {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, let seconds = Double(arguments[1]), let mebibytes = Int(arguments[2]),
      let output: ProcessSpec.Output = arguments[3] == "null" ? .null : arguments[3] == "capture" ? .capture : nil
    else {
      print("usage: CoreBench SECONDS MIB null|capture")
      exit(2)
    }
    let ballast = Bytes(count: mebibytes << 20)
    memset(ballast.start, 1, ballast.count)

    let reactor = try Reactor(alarms: Alarms())
    let events = EventLog(capacity: 1000, alarms: reactor.alarms)
    let manager = try ProcessManager(ProcessOptions(), reactor: reactor, events: events)
    try reactor.start()
    var template = ProcessTemplate()
    template.command = ["/bin/true"]
    template.stdout = output
    template.stderr = output

    let start = Deadline.now
    var elapsed = 0.0
    var children = 0
    repeat {
      try startAndJoin(template, manager)
      children += 1
      elapsed = Double(Deadline.now.nanoseconds - start.nanoseconds) / 1e9
    } while elapsed < seconds
    print(children, elapsed)
    withExtendedLifetime(ballast) {}
  }

  private static func startAndJoin(_ template: ProcessTemplate, _ manager: ProcessManager) throws {
    let started = Handover<Result<Process, CoreError>>()
    try manager.run(nil, template) { started.give($0) }
    let process = try started.take().get()
    let ended = Handover<ProcessSnapshot?>()
    let attempted = try process.join(until: nil) {
      { outcome in if case .value(let snapshot) = outcome { ended.give(snapshot) } else { ended.give(nil) } }
    }
    let snapshot: ProcessSnapshot? =
      switch attempted {
      case .done(let snapshot): snapshot
      case .parked: ended.take()
      case .timedOut: nil
      }
    guard snapshot?.exit?.status.exitcode == 0 else { fatalError("/bin/true failed") }
    try manager.delete(process)
  }
}

/// A value that one thread waits for and another gives.
private final class Handover<Value: Sendable>: @unchecked Sendable {
  // Sendable: a semaphore is made for threads, and `value` is written before it is posted and read after.
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
  private var value: Value?

  init() { sem_init(semaphore, 0, 0) }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func give(_ value: Value) {
    self.value = value
    sem_post(semaphore)
  }

  func take() -> Value {
    while sem_wait(semaphore) != 0 {}
    guard let value else { preconditionFailure("posted without a value") }
    return value
  }
}
