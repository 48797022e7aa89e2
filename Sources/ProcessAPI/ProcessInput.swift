import Glibc
import HTTP
import JSONCodec
import ProcessCore

/// Reads what a process or a class is to be from a request's document.
struct ProcessInput {
  let name: Name?
  let template: ProcessTemplate

  /// `parent` is the field that names the class: `class` of a process, `extends` of a class.
  init(_ fields: Fields, parent: String) {
    name = fields.resourceName("name")
    var template = ProcessTemplate()
    template.parent = fields.resourceName(parent)
    template.command = fields.strings("command")
    if template.command?.isEmpty == true { fields.fail("command", "must have at least one item") }
    if template.command?.first?.isEmpty == true { fields.fail("command", "0", "must not be empty") }
    template.arguments = fields.strings("args")
    template.environment = fields.environment()
    template.inheritsEnvironment = fields.bool("inherit_env")
    template.workingDirectory = fields.string("cwd")
    template.user = fields.string("user")
    template.umask = fields.umask()
    template.stdin = fields.stdin()
    template.stdout = fields.output("stdout")
    template.stderr = fields.output("stderr")
    template.terminal = fields.object("tty")?.terminalSize()
    template.descriptors = fields.descriptors()
    template.ignoredSignals = fields.signals()
    template.blockedSignals = fields.mask()
    template.limits = fields.limits()
    template.timeout = fields.timeout()
    template.isDaemon = fields.bool("daemon")
    template.labels = fields.labels()
    template.restart = fields.restart()
    template.readiness = fields.readiness()
    template.dependencies = fields.dependencies()
    self.template = template
  }
}

extension Fields {
  func resourceName(_ field: String) -> Name? {
    guard let text = string(field) else { return nil }
    guard let name = Name(text) else {
      fail(field, "must be \(Name.rule)")
      return nil
    }
    return name
  }

  func labels() -> [ProcessSpec.Label]? { map("labels")?.map { ProcessSpec.Label($0.name, $0.value) } }

  /// A signal by name, with or without SIG, or by number.
  func signal(_ field: String, required: Bool = false) -> CInt? {
    let number: CInt? =
      switch nameOrNumber(field, required: required) {
      case .name(let name): SignalTable.find(name)?.number
      case .number(let number): CInt(exactly: number).flatMap { SignalTable.signal($0)?.number }
      case nil: nil
      }
    if number == nil, kind(field) == .string || kind(field) == .integer { fail(field, "is no signal of this machine") }
    return number
  }

  func environment() -> [ProcessSpec.EnvironmentVariable]? {
    guard let variables = map("env") else { return nil }
    for variable in variables where !isVariableName(variable.name) {
      fail("env", variable.name, "a variable's name is letters, digits and '_', and begins with no digit")
    }
    return variables.map { ProcessSpec.EnvironmentVariable($0.name, $0.value) }
  }

  /// An integer, or octal digits in a string as in a shell.
  fileprivate func umask() -> UInt32? {
    guard kind("umask") == .string else { return integer("umask", in: 0...0o777).map { UInt32($0) } }
    // A number may have a sign in Swift.
    guard let text = string("umask"), text.first != "+", let value = UInt32(text, radix: 8), value <= 0o777 else {
      fail("umask", "must be octal digits up to 777")
      return nil
    }
    return value
  }

  fileprivate func stdin() -> ProcessSpec.Stdin? {
    guard kind("stdin") == .object else {
      switch string("stdin") {
      case "null": return .null
      case "pipe": return .pipe
      case nil: return nil
      default:
        fail("stdin", "must be \"null\", \"pipe\", {\"text\": …}, {\"queue\": …} or {\"pipe\": …, \"end\": …}")
        return nil
      }
    }
    guard let source = object("stdin") else { return nil }
    if source.isBinding { return source.binding().map { .bound($0) } }
    return source.string("text", required: true, nul: true).map { .text($0) }
  }

  fileprivate func output(_ field: String) -> ProcessSpec.Output? {
    if kind(field) == .object { return object(field)?.binding().map { .bound($0) } }
    switch string(field) {
    case "capture": return .capture
    case "null": return .null
    case "stdout" where field == "stderr": return .stdout
    case nil: return nil
    default:
      let words = field == "stderr" ? "\"capture\", \"null\", \"stdout\"" : "\"capture\", \"null\""
      fail(field, "must be \(words), {\"queue\": …} or {\"pipe\": …, \"end\": …}")
      return nil
    }
  }

  fileprivate func signals() -> Set<CInt>? {
    guard let dispositions = map("signals") else { return nil }
    var ignored: Set<CInt> = []
    for (name, disposition) in dispositions {
      guard let signal = SignalTable.find(name) else {
        fail("signals", name, "is no signal of this machine")
        continue
      }
      switch disposition {
      case "default": break
      case "ignore" where signal.isCatchable: ignored.insert(signal.number)
      case "ignore": fail("signals", name, "cannot be ignored")
      default: fail("signals", name, "must be \"default\" or \"ignore\"")
      }
    }
    return ignored
  }

  fileprivate func mask() -> Set<CInt>? {
    guard let names = strings("mask") else { return nil }
    var blocked: Set<CInt> = []
    for (index, name) in names.enumerated() {
      guard let signal = SignalTable.find(name) else {
        fail("mask", "\(index)", "is no signal of this machine")
        continue
      }
      if signal.isCatchable { blocked.insert(signal.number) } else { fail("mask", "\(index)", "cannot be blocked") }
    }
    return blocked
  }

  func limits() -> [ProcessSpec.ResourceLimit]? {
    guard let limits = object("limits") else { return nil }
    return ProcessSpec.Resource.allCases.compactMap { resource in
      let name = resource.rawValue
      let value =
        switch resource {
        case .cpuSeconds, .addressSpace, .openFiles, .processes, .fileSize, .core: limits.integer(name, in: 0...Int.max)
        case .memory: limits.integer(name, in: 1...Int.max)
        // The most that the kernel takes.
        case .pids: limits.integer(name, in: 1...1 << 22)
        case .cpu: limits.number(name, in: 0.01...10_000).map { Int(($0 * 1e6).rounded()) }
        }
      return value.map { ProcessSpec.ResourceLimit(resource, UInt64($0)) }
    }
  }

  fileprivate func timeout() -> ProcessSpec.Timeout? {
    guard let timeout = object("timeout") else { return nil }
    let seconds = timeout.number("seconds", in: 0...1e9, required: true)
    let signal = timeout.signal("signal") ?? SIGTERM
    let grace = timeout.number("grace", in: 0...1e9) ?? 5
    return seconds.map { ProcessSpec.Timeout(seconds: $0, signal: signal, grace: grace) }
  }
}

private func isVariableName(_ name: String) -> Bool {
  guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
  return name.utf8.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
