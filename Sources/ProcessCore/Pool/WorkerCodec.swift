public import Linux

/// How heads of frames and lines of results are written and read. The core moves bytes; what they mean is said here.
public protocol WorkerCodec: Sendable {
  /// The program of a *python* worker, for `-c`.
  var pythonProgram: String { get }

  /// The frame that greets a worker.
  func hello(_ settings: Pool.Settings, pool: Name, worker: Name) -> (head: Bytes, body: Bytes)
  /// The head of a task's frame.
  func task(_ id: UInt64, _ call: Call, items: Range<Int>) -> Bytes
  func cancel(_ id: UInt64) -> Bytes
  var exit: Bytes { get }

  /// nil when the head is no message of the protocol.
  func message(_ head: UnsafeRawBufferPointer) -> WorkerMessage?
  /// The lines of a result; nil when one of them is not what the protocol says.
  func lines(_ body: UnsafeRawBufferPointer) -> [ResultLine]?
  /// Where the values are in an array that is on one line; nil when the bytes are none.
  func values(_ body: UnsafeRawBufferPointer) -> [Range<Int>]?
  /// Whether the bytes are a JSON value, on one line.
  func isValue(_ body: UnsafeRawBufferPointer) -> Bool

  /// What one task of an *exec* pool runs; nil when its body is not what such a task has.
  func command(_ call: Call, _ body: [ByteSlice]) -> ExecCommand?
  /// The line of its result.
  func line(_ result: ExecResult) -> Bytes
  /// What such a task is told to have raised that could not be started.
  func error(_ error: CoreError) -> String
}

/// What a worker says.
public enum WorkerMessage: Sendable {
  /// Its initializer is done; it speaks this version of the protocol.
  case ready(version: Int)
  case failed
  /// What came of a task, and which it begins now. `isArray`: the values of all its items, and not a line for each.
  case result(UInt64, next: UInt64?, isArray: Bool)
  case started(UInt64)
  case progress(UInt64)
}

/// Where a line of a result is in its frame's body.
public struct ResultLine: Sendable {
  public let isError: Bool
  /// The line without its end.
  public let line: Range<Int>
  /// What its one member holds.
  public let value: Range<Int>

  public init(isError: Bool, line: Range<Int>, value: Range<Int>) {
    self.isError = isError
    self.line = line
    self.value = value
  }
}

/// What the body of a result says of a task's items.
enum ResultBody {
  case lines([ResultLine])
  /// All have values; where each is.
  case values([Range<Int>])

  var count: Int {
    switch self {
    case .lines(let lines): lines.count
    case .values(let places): places.count
    }
  }

  /// Whether its last item has failed.
  var endsInError: Bool { if case .lines(let lines) = self { lines.last?.isError ?? true } else { false } }
}

/// A program that runs for one task.
public struct ExecCommand: Sendable {
  public let command: [String]
  public let stdin: String?
  public let timeout: Double?

  public init(command: [String], stdin: String?, timeout: Double?) {
    self.command = command
    self.stdin = stdin
    self.timeout = timeout
  }
}

/// How it ended, and what it wrote.
public struct ExecResult: Sendable {
  /// Python's: negative when a signal ended it.
  public let exitcode: Int
  public let stdout: Bytes
  public let stderr: Bytes
  /// Whether the first of what it wrote is missing.
  public let isTruncated: Bool
}
