import Glibc
import Linux
import ProcessCore
import Testing

/// What local programs that map the memory see, and what is seen of them.
@Suite struct LocalProgramTests {
  /// In /dev/shm itself, which is where names are looked up.
  private let space = SharedSpace(maxBytes: 1 << 20)

  private func array(_ numbers: Int64...) throws -> SharedArray {
    try SharedArray(Items(.int, numbers.map { .integer($0) }, pointer: ""), in: space)
  }

  @Test func aPythonProgramAttachesByName() throws {
    let array = try array(1, 2, 3, -4)
    let lines = try python(
      """
      import sys
      from multiprocessing import resource_tracker, shared_memory
      memory = shared_memory.SharedMemory(name=sys.argv[1])
      resource_tracker.unregister(memory._name, "shared_memory")
      items = memory.buf.cast("i")
      print(memory.size, *items)
      items[2] = -300
      items.release()
      memory.close()
      """, array.memory.name)
    #expect(lines == ["16 1 2 3 -4"])
    #expect(try array.get(2) == .integer(-300))
    #expect(array.memory.isLinked)
  }

  /// cpython#82300.
  @Test func pythonsTrackerTakesTheNameAndNothingElse() throws {
    let array = try array(7)
    let lines = try python(
      """
      import sys
      from multiprocessing import shared_memory
      memory = shared_memory.SharedMemory(name=sys.argv[1])
      memory.buf[1] = 1
      memory.close()
      print("attached")
      """, array.memory.name)
    #expect(lines == ["attached"])
    #expect(eventually { !array.memory.isLinked })
    #expect(try array.get(0) == .integer(263))
    #expect(try array.add(0, .integer(1)).new == .integer(264))
  }

  @Test func eachSeesTheOthersWritesAtOnce() throws {
    let array = try array(0, 0)
    try withChild(
      """
      import mmap, sys
      with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        items = memoryview(memory).cast("i")
        for turn in range(1, 101):
          while items[0] != turn: pass
          items[1] = turn
        items.release()
      """, array.memory.path
    ) {
      for turn in 1...100 {
        try array.set(0, to: .integer(Int64(turn)))
        let isAnswered = eventually { (try? array.get(1)) == .integer(Int64(turn)) }
        #expect(isAnswered, "turn \(turn)")
        if !isAnswered { return }
      }
    }
  }

  @Test func aChildMapsADescriptorThatItWasGiven() throws {
    let array = try array(5, 6)
    array.memory.unlink()
    let file = try array.memory.open(writable: true)
    try withChild(
      "import mmap; memory = mmap.mmap(9, 8); memory[4] = memory[0] + 1; memory.flush()", descriptors: [(file.raw, 9)]
    ) {}
    #expect(try array.get(.all).elementsEqual([.integer(5), .integer(6)]))
    try array.set(0, to: .integer(70))
    try withChild("import mmap; memory = mmap.mmap(9, 8); memory[4] = memory[0] + 1", descriptors: [(file.raw, 9)]) {}
    #expect(try array.get(1) == .integer(71))
  }

  @Test(arguments: [TypeCode.byte, .ushort, .int, .ulonglong, .float, .double])
  func addsOfAProgramsInstructionsAndOursAreAllCounted(_ code: TypeCode) throws {
    let folder = try temporaryDirectory()
    defer { _ = try? run("/bin/rm", "-r", folder) }
    let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let program = folder + "/adder"
    var compiler = SpawnRequest(command: ["cc", "-O2", "-o", program, "/\(tests)/Programs/adder.c"])
    compiler.environment = [("PATH", "/usr/bin:/bin")]
    try #require(run(compiler).status.exitcode == 0)

    let array = try SharedArray(code, count: 16 / code.size, in: space)
    let (threads, programs, rounds) = (4, 2, 20_000)
    let adders = try (0..<programs).map { _ in try start([program, array.memory.path, code.rawValue, "\(rounds)"]) }
    try withThreads(named: "adder", count: threads) { _ in
      for _ in 0..<rounds { _ = try? array.add(1, .integer(1)) }
    }
    for adder in adders { #expect(adder.end() == 0) }
    var expected = [Item](repeating: .integer(0), count: array.count)
    expected[1] = .integer(Int64((threads + programs) * rounds))
    #expect(try array.get(.all).elementsEqual(Items(code, expected, pointer: "")))
  }

  private func start(_ command: [String], descriptors: [(source: CInt, target: CInt)] = []) throws -> Program {
    var request = SpawnRequest(command: command)
    request.diesWithSpawner = false
    request.descriptors = descriptors
    var spawner = try Spawner()
    return Program(try spawner.spawn(request).release())
  }

  /// Runs a Python program beside `body`, and to its end.
  private func withChild(
    _ program: String, _ arguments: String..., descriptors: [(source: CInt, target: CInt)] = [],
    _ body: () throws -> Void
  ) throws {
    // It bounds itself, should the other side never do its part.
    let bounded = "import signal; signal.alarm(60)\n" + program
    let child = try start(["/usr/bin/python3", "-c", bounded] + arguments, descriptors: descriptors)
    try body()
    #expect(child.end() == 0)
  }

  private final class Program {
    private let pidfd: Pidfd

    init(_ pidfd: consuming Pidfd) { self.pidfd = pidfd }

    /// Waits for it, and returns its exit code.
    func end() -> CInt? { ProcessCoreTests.end(of: pidfd).exitcode }
  }
}
