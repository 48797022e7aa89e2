import ProcessCore
import Testing

@Suite struct PythonSliceTests {
  private static let bounds: [Int?] = [nil, .min, -7, -6, -5, -4, -1, 0, 1, 3, 4, 5, 6, 7, .max]
  private static let steps: [Int?] = [nil, .min, -7, -3, -2, -1, 1, 2, 3, 7, .max]
  private static let lengths = [0, 1, 2, 5, 6]

  /// All slices of some bounds, steps and lengths against Python's own.
  @Test func everySliceIsPythons() throws {
    func list(_ values: [Int?]) -> String {
      "[" + values.map { $0.map(String.init) ?? "None" }.joined(separator: ",") + "]"
    }
    let lines = try python(
      """
      for n in \(list(Self.lengths)):
        for a in \(list(Self.bounds)):
          for b in \(list(Self.bounds)):
            for c in \(list(Self.steps)):
              start, stop, step = slice(a, b, c).indices(n)
              print(start, stop, *range(start, stop, step))
      """)
    var ours: [String] = []
    for length in Self.lengths {
      for start in Self.bounds {
        for stop in Self.bounds {
          for step in Self.steps {
            let indices = try PythonSlice(start: start, stop: stop, step: step).indices(length)
            ours.append(([indices.start, indices.stop] + indices).map(String.init).joined(separator: " "))
          }
        }
      }
    }
    #expect(ours.count == lines.count && lines.count > 10_000)
    for (ours, pythons) in zip(ours, lines) where ours != pythons { Issue.record("\(ours) is \(pythons) in Python") }
  }

  @Test func aStepOfZeroIsWrong() {
    #expect(kind { _ = try PythonSlice(step: 0) } == .invalid(pointer: "/step"))
    #expect(kind { _ = try PythonSlice(step: 0, pointer: "?step") } == .invalid(pointer: "?step"))
  }

  @Test func allIsEverythingInOrder() {
    #expect(Array(PythonSlice.all.indices(4)) == [0, 1, 2, 3])
    #expect(PythonSlice.all.indices(0).isEmpty)
  }
}
