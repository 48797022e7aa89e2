/// What to start and how, as a client asked for it.
public struct ProcessSpec: Hashable, Sendable {
  /// argv. Never a shell string; its first item is a path, or a name to look up in the child's PATH.
  public var command: [String]
  public var environment: [EnvironmentVariable] = []
  /// Whether the daemon's own environment, without its secrets, comes first.
  public var inheritsEnvironment = false
  public var workingDirectory: String?
  /// `name`, `uid`, `name:group` or `uid:gid`.
  public var user: String?
  public var umask: UInt32?
  public var stdin = Stdin.null
  public var stdout = Output.capture
  public var stderr = Output.capture
  /// Signals that the child begins with ignored, by number; all others have their default disposition.
  public var ignoredSignals: Set<CInt> = []
  public var limits: [ResourceLimit] = []
  public var timeout: Timeout?
  /// As Python's `Process.daemon`: ended at shutdown instead of waited for.
  public var isDaemon = false
  public var labels: [Label] = []
  /// The class that it was made from.
  public var className: Name?

  public init(command: [String]) { self.command = command }

  public struct EnvironmentVariable: Hashable, Sendable {
    public let name: String
    /// A secret: it reaches the child and nobody else.
    public let value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public struct Label: Hashable, Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public enum Stdin: Hashable, Sendable {
    /// `/dev/null`, as in Python.
    case null
    /// Written to through the `stdin` verb until it is closed.
    case pipe
    /// The text, then the end of the file.
    case text(String)
  }

  public enum Output: Hashable, Sendable {
    case capture
    case null
    /// Of stderr only: into stdout.
    case stdout
  }

  public enum Resource: String, CaseIterable, Sendable {
    case cpuSeconds = "cpu_seconds"
    case addressSpace = "address_space"
    case openFiles = "open_files"
    case processes
    case fileSize = "file_size"
    case core
  }

  public struct ResourceLimit: Hashable, Sendable {
    public let resource: Resource
    public let value: UInt64

    public init(_ resource: Resource, _ value: UInt64) {
      self.resource = resource
      self.value = value
    }
  }

  /// Ends the process when it has run for `seconds`: by `signal`, and by SIGKILL `grace` seconds later.
  public struct Timeout: Hashable, Sendable {
    public let seconds: Double
    public let signal: CInt
    public let grace: Double

    public init(seconds: Double, signal: CInt, grace: Double) {
      self.seconds = seconds
      self.signal = signal
      self.grace = grace
    }
  }
}
