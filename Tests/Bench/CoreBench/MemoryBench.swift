import Linux
import ProcessCore

/// Prints what accesses to shared memory cost: one line for each, its name and a number with its unit.
func measureMemory() throws {
  let space = SharedSpace(maxBytes: 1 << 30)
  let count = 1_000_000
  let array = try SharedArray(.double, count: count, in: space)
  let counter = try SharedArray(.long, count: 1, in: space)
  let items = try Items(.double, (0..<count).map { .double(Double($0)) }, pointer: "")
  let buffer = Bytes(count: count * 8)
  let backwards = try PythonSlice(step: -1)

  try measure("get an item", "ns", 1e9 / Double(count)) { for index in 0..<count { _ = try array.get(index) } }
  try measure("set an item", "ns", 1e9 / Double(count)) {
    for index in 0..<count { try array.set(index, to: .double(0.5)) }
  }
  try measure("add to an integer", "ns", 1e9 / Double(count)) {
    for _ in 0..<count { _ = try counter.add(0, .integer(1)) }
  }
  try measure("add to a double", "ns", 1e9 / Double(count)) {
    for index in 0..<count { _ = try array.add(index, .double(1)) }
  }
  try measure("set a slice of 1e6 doubles", "ms", 1e3) { try array.set(.all, to: items) }
  try measure("get a slice of 1e6 doubles", "ms", 1e3) { _ = try array.get(.all) }
  try measure("get 1e6 doubles and look at each", "ms", 1e3) {
    guard try array.get(.all).reduce(into: 0, { if case .double = $1 { $0 += 1 } }) == count else { fatalError() }
  }
  try measure("get 1e6 doubles backwards", "ms", 1e3) { _ = try array.get(backwards) }
  try measure("read 8 MB", "ms", 1e3) { try array.memory.read(0, into: buffer.mutableBuffer) }
  try measure("write 8 MB", "ms", 1e3) { try array.memory.write(0, from: buffer.buffer) }
  try measure("make and let go of 8 bytes", "us", 1e6) { _ = try SharedArray(.long, count: 1, in: space) }
}

/// The best of seven runs.
private func measure(_ name: String, _ unit: String, _ scale: Double, _ body: () throws -> Void) rethrows {
  var best = Double.infinity
  for _ in 0..<7 {
    let start = Deadline.now.nanoseconds
    try body()
    best = min(best, Double(Deadline.now.nanoseconds - start) / 1e9)
  }
  print("\(name): \((best * scale * 100).rounded() / 100) \(unit)")
}
