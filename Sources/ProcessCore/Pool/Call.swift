public import Linux

/// What the tasks of a job do.
public struct Call: Sendable {
  public enum Operation: String, Sendable {
    case apply, map, starmap
  }

  public var operation: Operation
  /// The function's name, and the same as it stands in JSON.
  public var function: String
  public var functionJSON: ByteSlice
  /// What a map over shared memory works on.
  public var arrays: ArrayMap?
  /// Whether the first error ends the job, as in Python.
  public var stopsOnError = true
  /// Seconds that a task may take.
  public var timeout: Double?
  /// How often a task that failed is tried again, and the seconds before the first time; they double.
  public var retries = 0
  public var backoff = 0.0

  public init(_ operation: Operation, _ function: String, json: ByteSlice) {
    self.operation = operation
    self.function = function
    functionJSON = json
  }
}

/// The items of a JSON array, where they stand in a client's bytes.
public struct ItemList: Sendable {
  public let bytes: Bytes
  /// Where each begins and ends, in turn.
  private var bounds: [UInt32] = []

  public init(_ bytes: Bytes) { self.bytes = bytes }

  public var count: Int { bounds.count / 2 }

  public mutating func append(_ range: Range<Int>) {
    bounds.append(UInt32(range.lowerBound))
    bounds.append(UInt32(range.upperBound))
  }

  /// The bytes of several items and of what is between them.
  func slice(_ items: Range<Int>) -> ByteSlice {
    ByteSlice(bytes, Int(bounds[2 * items.lowerBound])..<Int(bounds[2 * items.upperBound - 1]))
  }
}
