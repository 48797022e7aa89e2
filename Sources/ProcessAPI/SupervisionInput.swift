import JSONCodec
import ProcessCore

/// What a process's or a class's document says of its supervision.
extension Fields {
  func restart() -> ProcessSpec.Restart? {
    guard let fields = object("restart") else { return nil }
    var restart = ProcessSpec.Restart()
    restart.policy = fields.choice("policy") ?? restart.policy
    restart.maxRetries = fields.integer("max_retries", in: 0...1_000_000)
    restart.window = fields.number("window", in: 0.001...1e9)
    if let backoff = fields.object("backoff") { restart.backoff = backoff.backoff() }
    restart.settle = fields.number("settle", in: 0.001...1e9) ?? restart.settle
    if let codes = fields.integers("success_exit_codes", in: 0...255) {
      restart.successExitCodes = Set(codes.map { CInt($0) })
    }
    restart.isEssential = fields.bool("essential") ?? restart.isEssential
    return restart
  }

  private func backoff() -> ProcessSpec.Backoff {
    var backoff = ProcessSpec.Backoff()
    backoff.initial = number("initial", in: 0.01...1e9) ?? backoff.initial
    backoff.factor = number("factor", in: 1...1000) ?? backoff.factor
    backoff.max = number("max", in: 0.01...1e9) ?? Swift.max(backoff.max, backoff.initial)
    backoff.jitter = number("jitter", in: 0...1) ?? backoff.jitter
    return backoff
  }

  /// One of `fd`, `tcp`, `output` and `command`.
  func readiness() -> ProcessSpec.Readiness? {
    guard let fields = object("ready") else { return nil }
    fields.rejectNull("fd", "tcp", "output", "command")
    let signs: [ProcessSpec.Readiness.Sign] = [
      fields.integer("fd", in: 3...255).map { .descriptor(CInt($0)) },
      fields.integer("tcp", in: 1...65535).map { .port(UInt16($0)) },
      fields.pattern("output").map { .line($0) },
      fields.probeCommand().map { .command($0) },
    ].compactMap { $0 }
    let given = ["fd", "tcp", "output", "command"].filter { fields.kind($0) != .absent }
    guard given.count == 1 else {
      fail("ready", "must have one of fd, tcp, output and command")
      return nil
    }
    let isLooking = given == ["tcp"] || given == ["command"]
    let interval = isLooking ? fields.number("interval", in: 0.01...1e9) : nil
    return signs.first.map { ProcessSpec.Readiness($0, interval: interval ?? 0.5) }
  }

  private func pattern(_ field: String) -> LinePattern? {
    guard let text = string(field) else { return nil }
    do throws(LinePattern.Invalid) { return try LinePattern(text) } catch {
      fail(field, error.description)
      return nil
    }
  }

  private func probeCommand() -> [String]? {
    guard let command = strings("command") else { return nil }
    if command.isEmpty { fail("command", "must have at least one item") }
    if command.first?.isEmpty == true { fail("command", "0", "must not be empty") }
    return command
  }

  func dependencies() -> [ProcessSpec.Dependency]? {
    guard let items = items("depends_on") else { return nil }
    var seen: Set<Name> = []
    return items.compactMap { item in
      let name = item.string("process", required: true)
      let condition = item.choice("condition", of: ProcessSpec.Dependency.Condition.self) ?? .started
      guard let name else { return nil }
      guard let process = Name(name) else {
        item.fail("process", "must be \(Name.rule)")
        return nil
      }
      if !seen.insert(process).inserted { item.fail("process", "is named twice") }
      return ProcessSpec.Dependency(process, condition)
    }
  }
}
