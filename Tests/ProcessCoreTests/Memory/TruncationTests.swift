import CLinux
import Glibc
import Linux
import ProcessCore
import Testing

/// What other programs may do to the file: the operations fail and we live.
@Suite struct TruncationTests {
  private let folder: SharedFolder
  private let space: SharedSpace

  init() throws {
    folder = try SharedFolder()
    space = folder.space()
  }

  @Test func everyOperationFailsClearly() throws {
    let array = try SharedArray(.int, count: 4, in: space)
    #expect(truncate(array.memory.path, 0) == 0)
    let items = try Items(.int, [.integer(1)], pointer: "")
    let one = try PythonSlice(start: 0, stop: 1)
    let backwards = try PythonSlice(start: 0, stop: nil, step: -1)
    #expect(kind { _ = try array.get(0) } == .truncated)
    #expect(kind { try array.set(0, to: .integer(1)) } == .truncated)
    #expect(kind { _ = try array.add(0, .integer(1)) } == .truncated)
    #expect(kind { _ = try array.compareExchange(0, expected: .integer(0), desired: .integer(1)) } == .truncated)
    #expect(kind { _ = try array.get(one) } == .truncated)
    #expect(kind { try array.set(one, to: items) } == .truncated)
    #expect(kind { _ = try array.get(backwards) } == .truncated)
    #expect(kind { try array.set(backwards, to: items) } == .truncated)
    #expect(kind { try array.memory.checkWhole() } == .truncated)
    #expect(kind { _ = try array.get(4) } == .noSuchIndex)
    #expect(kind { _ = try array.add(0, .double(1)) } == .invalid(pointer: "/value"))
  }

  /// Each touches a page that is not there, without a look at the file's size before.
  @Test func everyTouchSurvivesTheFault() throws {
    let page = Int(sysconf(CInt(_SC_PAGESIZE)))
    var word: UInt64 = 0
    var bytes = [UInt8](repeating: 1, count: 2 * page)
    let touches: [(OpaquePointer) -> Bool] = [
      { clinux_shared_load($0, page, 8, &word) },
      { clinux_shared_store($0, 2 * page - 1, 1, 1) },
      { clinux_shared_add($0, page + 2, 2, 1, &word) },
      { clinux_shared_compare_exchange($0, page + 4, 4, &word, 1) },
      { clinux_shared_read($0, 0, &bytes, 2 * page) },
      { clinux_shared_write($0, 0, bytes, 2 * page) },
    ]
    for touch in touches {
      let memory = try space.allocate(2 * page)
      let file = try memory.open(writable: true)
      let mapping = try #require(clinux_shared_map(file.raw, 2 * page))
      defer { clinux_shared_unmap(mapping) }
      #expect(touch(mapping))
      #expect(ftruncate(file.raw, off_t(page)) == 0)
      #expect(!touch(mapping))
      #expect(!clinux_shared_load(mapping, 0, 1, &word), "it is lost for good")
      #expect(kind { try memory.checkWhole() } == .truncated)
    }
  }

  @Test func lostMemoryStaysLost() throws {
    let array = try SharedArray(.int, count: 1, in: space)
    #expect(truncate(array.memory.path, 0) == 0)
    #expect(kind { _ = try array.get(0) } == .truncated)
    #expect(truncate(array.memory.path, 4) == 0)
    #expect(kind { _ = try array.get(0) } == .truncated)
    #expect(kind { _ = try array.get(.all) } == .truncated)
  }

  @Test func aCutWithinAPageIsSeenByRuns() throws {
    let array = try SharedArray(.int, count: 4, in: space)
    try array.set(3, to: .integer(9))
    #expect(truncate(array.memory.path, 8) == 0)
    #expect(try array.get(3) == .integer(0))
    #expect(kind { _ = try array.get(.all) } == .truncated)
    #expect(kind { _ = try array.get(3) } == .truncated)
  }

  @Test func fourThreadsSurviveATruncationUnderTheirHands() throws {
    let count = 1 << 16
    let items = try Items(.long, [Item](repeating: .integer(1), count: count), pointer: "")
    for round in 0..<40 {
      let array = try SharedArray(.long, count: count, in: space)
      let running = Told<Int>()
      let failures = Told<CoreError.Kind?>()
      let truncator = try Thread("truncator") {
        guard running.reached(4) else { return }
        truncate(array.memory.path, off_t(round % 4 * 8 * count / 4 + round % 3))
      }
      try withThreads(named: "user", count: 4) { thread in
        var index = 0
        var isRunning = false
        let deadline = Deadline.after(seconds: 20)
        let failure = kind {
          while deadline > .now {
            index = (index + 4097) % count
            switch thread {
            case 0: _ = try array.get(.all)
            case 1: try array.set(.all, to: items)
            case 2: _ = try array.add(index, .integer(1))
            default: _ = try array.compareExchange(index, expected: .integer(1), desired: array.get(-1 - index))
            }
            if !isRunning { running.tell(thread) }
            isRunning = true
          }
        }
        failures.tell(failure)
      }
      truncator.join()
      #expect(failures.all == [.truncated, .truncated, .truncated, .truncated])
    }
  }

  /// A hole has no page, and where /dev/shm is full it gets none: that cannot be shown without filling it. Where there is
  /// room it is zeros.
  @Test func aHoleIsZeros() throws {
    let array = try SharedArray(.int, count: 4096, in: space)
    try array.set(2000, to: .integer(5))
    let punched = try run(
      "/usr/bin/fallocate", "--punch-hole", "--offset", "4096", "--length", "8192", array.memory.path)
    try #require(punched.status.exitcode == 0)
    #expect(try array.add(2000, .integer(3)) == (.integer(0), .integer(3)))
  }

  /// Our handler is for our mappings alone: other faults, and signals, do what they did before there was one.
  @Test func anyOtherBusErrorIsAsItWas() throws {
    let fault = try probe("fault", folder)
    #expect(fault.output == "truncated\n" && fault.status.exitcode == -SIGBUS)
    let handled = try probe("handled-fault", folder)
    #expect(handled.output == "truncated\n" && handled.status.exitcode == 9)
    #expect(try probe("signal", folder).status.exitcode == -SIGBUS)
  }
}
