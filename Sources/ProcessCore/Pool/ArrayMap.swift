import Linux

/// The shared memory that a map works on instead of a client's items: workers map it and read, or write, where it is.
///
/// Nobody but the workers holds it: when an array is deleted, those that have not opened it by then cannot any more, and fail
/// the chunk that they were to work on.
public struct ArrayMap: Sendable {
  /// Where workers find an array.
  public struct Place: Sendable {
    public let path: String
    public let code: TypeCode
    public let count: Int

    public init(_ array: SharedArray) {
      path = array.memory.path
      code = array.code
      count = array.count
    }
  }

  public let input: Place
  /// What takes the results; nil: they are values.
  public let output: Place?
  /// What clients call that.
  public let outputName: Name?
  /// Whether the function is called once for each chunk, and not for each item.
  public let isVectorized: Bool

  public init(
    _ input: SharedArray, output: (name: Name, array: SharedArray)?, isVectorized: Bool
  ) throws(CoreError) {
    if let count = output?.array.count, count != input.count {
      throw CoreError(.invalid(pointer: "/result"), "has \(count) items, and the iterable has \(input.count)")
    }
    self.input = Place(input)
    self.output = output.map { Place($0.array) }
    outputName = output?.name
    self.isVectorized = isVectorized
  }

  /// What came of a chunk: a worker has one value for it, which is the list of its results, what its one call returned,
  /// or nothing where the results are in an array. nil: that is not what the worker said.
  func outcome(_ body: Bytes, _ line: ResultLine, of count: Int, _ codec: any WorkerCodec) -> TaskOutcome? {
    let value = ByteSlice(body, line.value)
    if line.isError { return .failed(CoreError(taskError: value)) }
    if output != nil { return .chunk(nil) }
    if isVectorized { return .chunk(value) }
    guard let places = codec.values(value.buffer), places.count == count, let first = places.first,
      let last = places.last
    else { return nil }
    let start = line.value.lowerBound
    return .chunk(ByteSlice(body, start + first.lowerBound..<start + last.upperBound))
  }
}
