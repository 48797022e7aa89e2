import Glibc
import Linux
import ProcessCore

/// Starts and joins /bin/true in the core, one after the other, without HTTP.
///
/// `CoreBench SECONDS MIB null|capture [none|limited|all]` touches MIB mebibytes first; the third word is what becomes of the
/// child's output, the last which children get a cgroup of their own.
/// Prints the number of children and the seconds they took. `CoreBench memory` measures shared memory.
@main
struct CoreBench {
  static func main() throws {
    let arguments = CommandLine.arguments
    if arguments.dropFirst() == ["memory"] { return try measureMemory() }
    guard 4...5 ~= arguments.count, let seconds = Double(arguments[1]), let mebibytes = Int(arguments[2]),
      let output: ProcessSpec.Output = arguments[3] == "null" ? .null : arguments[3] == "capture" ? .capture : nil,
      let use = CgroupUse(rawValue: arguments.count == 5 ? arguments[4] : "limited")
    else {
      print("usage: CoreBench SECONDS MIB null|capture [none|limited|all]")
      exit(2)
    }
    let ballast = Bytes(count: mebibytes << 20)
    memset(ballast.start, 1, ballast.count)

    let reactor = try Reactor(alarms: Alarms())
    let events = EventLog(capacity: 1000, alarms: reactor.alarms)
    var options = ProcessOptions()
    options.cgroups = use
    let manager = try ProcessManager(options, reactor: reactor, log: events)
    try reactor.start()
    var template = ProcessTemplate()
    template.command = ["/bin/true"]
    template.stdout = output
    template.stderr = output

    let chain = Chain(template, manager, seconds: seconds)
    chain.next()
    let (children, elapsed) = chain.result.take()
    print(children, elapsed)
    manager.stop()
    withExtendedLifetime(ballast) {}
  }
}

/// Starts a child, joins it, and starts the next when it has ended: from the completions, as the service does, with no
/// thread of its own that waits.
private final class Chain: @unchecked Sendable {
  // Sendable: `children` is touched by one completion after the other, never by two at a time.
  let result = Handover<(Int, Double)>()
  private let template: ProcessTemplate
  private let manager: ProcessManager
  private let seconds: Double
  private let start = Deadline.now
  private var children = 0

  init(_ template: ProcessTemplate, _ manager: ProcessManager, seconds: Double) {
    self.template = template
    self.manager = manager
    self.seconds = seconds
  }

  func next() {
    must { () throws(CoreError) in
      try manager.run(nil, template) { result in
        self.join(self.must { () throws(CoreError) in try result.get() })
      }
    }
  }

  private func join(_ process: Process) {
    let attempted = must { () throws(CoreError) in
      try process.join(until: nil) {
        { outcome in if case .value(let snapshot) = outcome { self.ended(process, snapshot) } }
      }
    }
    if case .done(let snapshot) = attempted { ended(process, snapshot) }
  }

  private func ended(_ process: Process, _ snapshot: ProcessSnapshot) {
    guard snapshot.exit?.status.exitcode == 0 else { fatalError("/bin/true failed") }
    must { () throws(CoreError) in try manager.delete(process) }
    children += 1
    let elapsed = Double(Deadline.now.nanoseconds - start.nanoseconds) / 1e9
    if elapsed < seconds { next() } else { result.give((children, elapsed)) }
  }

  private func must<T>(_ body: () throws(CoreError) -> T) -> T {
    do throws(CoreError) { return try body() } catch { fatalError("\(error)") }
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
