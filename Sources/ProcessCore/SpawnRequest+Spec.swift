import CLinux
import Glibc
import Linux

extension SpawnRequest {
  /// The child that `spec` describes. `variables` are the service's own and win over all others.
  ///
  /// Looks users up, which may read files or ask the network.
  init(
    _ spec: ProcessSpec, variables: [ProcessSpec.EnvironmentVariable], descriptors: [(source: CInt, target: CInt)]
  ) throws(CoreError) {
    self.init(command: spec.command)
    let account = try spec.user.map { name throws(CoreError) in try lookUp(name) }
    identity = account?.identity
    environment = Self.environment(spec, account, variables)
    cwd = spec.workingDirectory
    if let mask = spec.umask { umask = mode_t(mask) }
    self.descriptors = descriptors
    terminal = spec.terminal == nil ? nil : 0
    ignoredSignals = spec.ignoredSignals
    blockedSignals = spec.blockedSignals
    limits = spec.limits.compactMap { limit in limit.resource.number.map { (resource: $0, value: limit.value) } }
  }

  /// Built from nothing, so that no secret of the service reaches a child unasked.
  private static func environment(
    _ spec: ProcessSpec, _ account: User?, _ variables: [ProcessSpec.EnvironmentVariable]
  ) -> [(name: String, value: String)] {
    var names: [String: Int] = [:]
    var environment: [(name: String, value: String)] = []
    func put(_ name: String, _ value: String) {
      if let index = names[name] {
        environment[index].value = value
      } else {
        names[name] = environment.count
        environment.append((name, value))
      }
    }
    if spec.inheritsEnvironment {
      for (name, value) in currentEnvironment() where !name.hasPrefix("PROCESSION_") { put(name, value) }
    } else {
      put("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
      for name in ["LANG", "TZ", "HOME", "USER"] { if let value = getenv(name) { put(name, String(cString: value)) } }
    }
    if let account {
      put("HOME", account.home ?? "/")
      put("USER", account.name ?? String(account.identity.uid))
    }
    if spec.terminal != nil { put("TERM", "xterm") }
    for variable in spec.environment + variables { put(variable.name, variable.value) }
    return environment
  }

  private static func currentEnvironment() -> [(String, String)] {
    var entries: [(String, String)] = []
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let separator = text.firstIndex(of: "=") {
        entries.append((String(text[..<separator]), String(text[text.index(after: separator)...])))
      }
      next += 1
    }
    return entries
  }
}

private func lookUp(_ name: String) throws(CoreError) -> User {
  do { return try UserLookup.find(name) } catch { throw CoreError(.invalid(pointer: "/user"), "\(error)") }
}

extension ProcessSpec.Resource {
  /// nil: it is not the process's own.
  fileprivate var number: CInt? {
    switch self {
    case .cpuSeconds: CInt(RLIMIT_CPU.rawValue)
    case .addressSpace: CInt(RLIMIT_AS.rawValue)
    case .openFiles: CInt(RLIMIT_NOFILE.rawValue)
    case .processes: clinux_rlimit_nproc()
    case .fileSize: CInt(RLIMIT_FSIZE.rawValue)
    case .core: CInt(RLIMIT_CORE.rawValue)
    case .memory, .pids, .cpu: nil
    }
  }
}
