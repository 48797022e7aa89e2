/// `start:stop:step`, each of which may be left out, with the rules of Python's `slice`.
public struct PythonSlice: Hashable, Sendable {
  public let start: Int?
  public let stop: Int?
  public let step: Int

  /// Throws for a step of 0, under `pointer`.
  public init(start: Int? = nil, stop: Int? = nil, step: Int? = nil, pointer: String = "/step") throws(CoreError) {
    guard step != 0 else { throw CoreError(.invalid(pointer: pointer), "slice step cannot be zero") }
    self.start = start
    self.stop = stop
    // As CPython does it: a step can always be negated.
    self.step = max(step ?? 1, -Int.max)
  }

  /// Everything.
  public static let all = PythonSlice()

  private init() {
    start = nil
    stop = nil
    step = 1
  }

  /// Which of `count` items it means: `range(*slice.indices(count))`.
  public func indices(_ count: Int) -> SliceIndices {
    // Going down, the place before the first item is -1.
    let lowest = step < 0 ? -1 : 0
    let highest = step < 0 ? count - 1 : count
    func clip(_ bound: Int) -> Int { min(max(bound < 0 ? bound + count : bound, lowest), highest) }
    return SliceIndices(
      start: start.map(clip) ?? (step < 0 ? highest : lowest),
      stop: stop.map(clip) ?? (step < 0 ? lowest : highest),
      step: step)
  }
}

/// The indices of a slice's items, in its order.
public struct SliceIndices: RandomAccessCollection, Hashable, Sendable {
  public let start: Int
  public let stop: Int
  public let step: Int

  init(start: Int, stop: Int, step: Int) {
    self.start = start
    self.stop = stop
    self.step = step
  }

  public var count: Int {
    // Between the bounds of one array nothing overflows.
    if step > 0 { return start < stop ? (stop - start - 1) / step + 1 : 0 }
    return stop < start ? (start - stop - 1) / -step + 1 : 0
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { count }

  public subscript(position: Int) -> Int { start + position * step }
}
