/// A specification of which only some fields are given: a class's, or that of a process that names a class.
public struct ProcessTemplate: Hashable, Sendable {
  /// The class whose fields stand where this one gives none.
  public var parent: Name?
  public var command: [String]?
  /// Appended to the command, after those of the class.
  public var arguments: [String]?
  public var environment: [ProcessSpec.EnvironmentVariable]?
  public var inheritsEnvironment: Bool?
  public var workingDirectory: String?
  public var user: String?
  public var umask: UInt32?
  public var stdin: ProcessSpec.Stdin?
  public var stdout: ProcessSpec.Output?
  public var stderr: ProcessSpec.Output?
  public var terminal: TerminalSize?
  public var descriptors: [ProcessSpec.Descriptor]?
  public var ignoredSignals: Set<CInt>?
  public var blockedSignals: Set<CInt>?
  public var limits: [ProcessSpec.ResourceLimit]?
  public var timeout: ProcessSpec.Timeout?
  public var restart: ProcessSpec.Restart?
  public var readiness: ProcessSpec.Readiness?
  public var dependencies: [ProcessSpec.Dependency]?
  public var isDaemon: Bool?
  public var labels: [ProcessSpec.Label]?

  public init() {}

  /// This template on top of `base`: its own fields win, arguments are appended, environment, descriptors, limits and labels
  /// merged.
  public func merged(onto base: ProcessTemplate) -> ProcessTemplate {
    var merged = self
    // A command of one's own begins anew; only without one do the class's arguments stay.
    if command == nil {
      merged.command = base.command
      merged.arguments = concatenated(base.arguments, arguments)
    }
    merged.environment = union(base.environment, environment) { $0.name == $1.name }
    merged.labels = union(base.labels, labels) { $0.name == $1.name }
    merged.descriptors = union(base.descriptors, descriptors) { $0.number == $1.number }
    merged.limits = union(base.limits, limits) { $0.resource == $1.resource }
    merged.inheritsEnvironment = inheritsEnvironment ?? base.inheritsEnvironment
    merged.workingDirectory = workingDirectory ?? base.workingDirectory
    merged.user = user ?? base.user
    merged.umask = umask ?? base.umask
    merged.stdin = stdin ?? base.stdin
    merged.stdout = stdout ?? base.stdout
    merged.stderr = stderr ?? base.stderr
    merged.terminal = terminal ?? base.terminal
    merged.ignoredSignals = ignoredSignals ?? base.ignoredSignals
    merged.blockedSignals = blockedSignals ?? base.blockedSignals
    merged.timeout = timeout ?? base.timeout
    merged.restart = restart ?? base.restart
    merged.readiness = readiness ?? base.readiness
    merged.dependencies = union(base.dependencies, dependencies) { $0.process == $1.process }
    merged.isDaemon = isDaemon ?? base.isDaemon
    return merged
  }

  /// The whole specification, with defaults for what nobody gave.
  func resolved(className: Name?) throws(CoreError) -> ProcessSpec {
    guard let command, !command.isEmpty else {
      throw CoreError(.invalid(pointer: "/command"), "a command of at least one item is required")
    }
    var spec = ProcessSpec(command: command + (arguments ?? []))
    spec.environment = environment ?? []
    spec.inheritsEnvironment = inheritsEnvironment ?? false
    spec.workingDirectory = workingDirectory
    spec.user = user
    spec.umask = umask
    spec.stdin = stdin ?? .null
    spec.stdout = stdout ?? .capture
    spec.stderr = stderr ?? .capture
    spec.descriptors = (descriptors ?? []).sorted { $0.number < $1.number }
    spec.ignoredSignals = ignoredSignals ?? []
    spec.blockedSignals = blockedSignals ?? []
    if let terminal { try useTerminal(terminal, in: &spec) }
    spec.limits = limits ?? []
    spec.timeout = timeout
    spec.restart = restart
    spec.readiness = readiness
    spec.dependencies = dependencies ?? []
    spec.isDaemon = isDaemon ?? false
    spec.labels = labels ?? []
    spec.className = className
    try spec.checkReadiness()
    return spec
  }

  private func useTerminal(_ size: TerminalSize, in spec: inout ProcessSpec) throws(CoreError) {
    let standard: [(pointer: String, isOther: Bool)] = [
      ("/stdin", stdin != nil && stdin != .pipe), ("/stdout", stdout != nil && stdout != .capture),
      ("/stderr", stderr != nil && stderr != .stdout),
    ]
    if let other = standard.first(where: \.isOther) {
      throw CoreError(.invalid(pointer: other.pointer), "is the terminal, where there is one")
    }
    spec.terminal = size
    spec.stdin = .pipe
    spec.stderr = .stdout
  }
}

private func concatenated<T>(_ base: [T]?, _ own: [T]?) -> [T]? { base.map { $0 + (own ?? []) } ?? own }

private func union<T>(_ base: [T]?, _ own: [T]?, same: (T, T) -> Bool) -> [T]? {
  guard let base else { return own }
  guard let own else { return base }
  return base.filter { item in !own.contains { same($0, item) } } + own
}
