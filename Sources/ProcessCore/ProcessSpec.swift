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
  /// Its stdin, stdout and stderr in one; what is written to `stdin` is typed, and what it shows is captured as stdout.
  public var terminal: TerminalSize?
  /// Those beyond stdin, stdout and stderr, by ascending number.
  public var descriptors: [Descriptor] = []
  /// Signals that the child begins with ignored, by number; all others have their default disposition.
  public var ignoredSignals: Set<CInt> = []
  /// Signals that the child begins with blocked, by number.
  public var blockedSignals: Set<CInt> = []
  public var limits: [ResourceLimit] = []
  public var timeout: Timeout?
  public var restart: Restart?
  /// What tells that it is of use; nil: it is as soon as it runs.
  public var readiness: Readiness?
  /// What must be there before it is started.
  public var dependencies: [Dependency] = []
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
    /// What comes to a queue or to an end of a pipe, until that is over.
    case bound(Binding)
  }

  public enum Output: Hashable, Sendable {
    case capture
    case null
    /// Of stderr only: into stdout.
    case stdout
    /// Into a queue, or into an end of a pipe.
    case bound(Binding)
  }

  /// A further descriptor.
  public struct Descriptor: Hashable, Sendable {
    public enum Source: Hashable, Sendable {
      /// An end of a pipe, both ways where the pipe goes both ways.
      case bound(Binding)
      /// The shared memory of an array, for reading and writing and to be mapped.
      case array(Name)
    }

    /// 3 to 255.
    public let number: CInt
    public let source: Source

    public init(_ number: CInt, _ source: Source) {
      self.number = number
      self.source = source
    }
  }

  public enum Resource: String, CaseIterable, Sendable {
    case cpuSeconds = "cpu_seconds"
    case addressSpace = "address_space"
    case openFiles = "open_files"
    case processes
    case fileSize = "file_size"
    case core
    /// Of the process and all its descendants together, as are the next two: by a cgroup.
    case memory
    case pids
    case cpu
  }

  public struct ResourceLimit: Hashable, Sendable {
    public let resource: Resource
    /// In bytes, in seconds, or how many; of `cpu` in millionths of a core.
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
