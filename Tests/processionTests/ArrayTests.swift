import Glibc
import Linux
import Testing

private func python(_ program: String, _ arguments: String...) throws -> String {
  try run(["/usr/bin/env", "python3", "-c", program] + arguments, environment: ["PATH=/usr/local/bin:/usr/bin:/bin"])
    .text
}

/// What the interpreter at hand says of the same operation.
private let numbers = #"[1,2,3,4,5,6,7,8]"#

@Suite("S21: Value(ctype, obj)") struct ValueTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func aValueIsReadWrittenAndAddedTo() throws {
    #expect(try client.put("/v1/values/v", #"{"typecode":"i","value":40}"#).status == 201)
    #expect(try client.get("/v1/values/v/value").json["value"] == .number(40))
    #expect(try client.put("/v1/values/v/value", #"{"value":41}"#).status == 200)
    let added = try client.post("/v1/values/v/value/add", #"{"value":1}"#).json
    #expect(added["value"] == .number(42) && added["previous"] == .number(41))
    #expect(try client.get("/v1/values/v/value").json["value"] == .number(42))
  }

  /// `v.value += 1` of Python's loses updates without the lock; this does not.
  @Test func addingLosesNothing() throws {
    _ = try client.put("/v1/values/v", #"{"typecode":"i"}"#)
    let failures = Atomic(0)
    let threads = try (0..<8).map { _ in
      try Thread("adder") { [client] in
        for _ in 0..<100 where (try? client.post("/v1/values/v/value/add", #"{"value":1}"#).status) != 200 {
          failures.add(1, ordering: .relaxed)
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(failures.load(ordering: .relaxed) == 0)
    #expect(try client.get("/v1/values/v/value").json["value"] == .number(800))
  }

  /// ctypes' rules, as the interpreter itself has them.
  @Test(arguments: [
    ("i", "2147483648"), ("B", "300"), ("b", "-129"), ("h", "70000"), ("H", "-1"), ("I", "-1"), ("q", "-5"),
    ("L", "-1"),
    ("f", "0.1"), ("d", "0.1"), ("f", "16777217"), ("d", "1e308"),
  ])
  func aValueIsWhatCtypesMakesOfIt(code: String, value: String) throws {
    let made = try client.post("/v1/values", #"{"name":"v","typecode":"\#(code)","value":\#(value)}"#)
    #expect(made.status == 201, "\(made.text)")
    let expected = try python(
      "import sys, multiprocessing as m; print(repr(m.Value(sys.argv[1], eval(sys.argv[2])).value))", code, value)
    let text = try client.get("/v1/values/v/value").text
    let found = try python("import sys, json; print(repr(json.loads(sys.argv[1])['value']))", text)
    #expect(found == expected)
  }

  @Test func whatIsNoSuchItemIsNamed() throws {
    for (code, value) in [("i", "1.5"), ("i", "\"1\""), ("c", "\"ab\""), ("c", "65"), ("d", "true")] {
      let refused = try client.post("/v1/values", #"{"typecode":"\#(code)","value":\#(value)}"#)
      #expect(refused.status == 422 && refused.pointers == ["/value"], "\(code) \(value): \(refused.text)")
    }
  }
}

@Suite("S22: Array(ctype, obj)") struct ArrayTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func anArrayIsMadeOfAListOrOfZeros() throws {
    _ = try client.put("/v1/arrays/list", #"{"typecode":"i","initial":[3,1,2]}"#)
    #expect(try client.get("/v1/arrays/list/items").text == #"{"values":[3,1,2]}"#)
    _ = try client.put("/v1/arrays/zeros", #"{"typecode":"d","length":3}"#)
    #expect(try client.get("/v1/arrays/zeros/items").text == #"{"values":[0.0,0.0,0.0]}"#)
    _ = try client.put("/v1/arrays/none", #"{"typecode":"i","length":0}"#)
    #expect(try client.get("/v1/arrays/none/items").text == #"{"values":[]}"#)
    #expect(try client.get("/v1/arrays/none/data").body.isEmpty)
  }

  /// Each slice beside the interpreter's own.
  @Test(arguments: [
    "", "start=2", "stop=-3", "start=-3", "start=1&stop=7&step=2", "step=-1", "start=6&stop=1&step=-2",
    "start=5&stop=2",
    "start=-99&stop=99", "start=99", "step=3",
  ])
  func aSliceIsPythons(query: String) throws {
    _ = try client.put("/v1/arrays/a", #"{"typecode":"i","initial":\#(numbers)}"#)
    let expected = try python(
      """
      import sys, json, urllib.parse
      bounds = {k: int(v) for k, v in urllib.parse.parse_qsl(sys.argv[1])}
      print(json.dumps({"values": json.loads(sys.argv[2])[bounds.get("start"):bounds.get("stop"):bounds.get("step")]},
        separators=(",", ":")))
      """, query, numbers)
    #expect(try client.get("/v1/arrays/a/items?\(query)").text + "\n" == expected)
  }

  @Test func aSliceIsAssignedOneOfItsLength() throws {
    _ = try client.put("/v1/arrays/a", #"{"typecode":"i","initial":\#(numbers)}"#)
    #expect(try client.put("/v1/arrays/a/items?step=2", #"{"values":[10,30,50,70]}"#).status == 204)
    #expect(try client.get("/v1/arrays/a/items").text == #"{"values":[10,2,30,4,50,6,70,8]}"#)
    let refused = try client.put("/v1/arrays/a/items?step=2", #"{"values":[1]}"#)
    #expect(refused.status == 422 && refused.pointers == ["/values"])
    #expect(try client.get("/v1/arrays/a/items/-1").text == #"{"value":8}"#)
    let missing = try client.get("/v1/arrays/a/items/8")
    #expect(missing.status == 404 && missing.code == "IndexError")
    #expect(try client.get("/v1/arrays/a/items?step=0").pointers == ["?step"])
  }

  @Test func itsBytesComeAndGo() throws {
    _ = try client.put("/v1/arrays/a", #"{"typecode":"B","length":1000000}"#)
    let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let binary = ["Content-Type": "application/octet-stream"]
    #expect(try client.request("PUT", "/v1/arrays/a/data", binary, bytes).text == #"{"written":1000000}"#)
    #expect(try client.get("/v1/arrays/a/data").body == bytes)
    let part = try client.get("/v1/arrays/a/data", ["Range": "bytes=500000-500009"])
    #expect(part.status == 206 && part.body == Array(bytes[500_000..<500_010]))
    #expect(part["content-range"] == "bytes 500000-500009/1000000")
    #expect(try client.get("/v1/arrays/a/data", ["Range": "bytes=-5"]).body == bytes.suffix(5))
    #expect(try client.get("/v1/arrays/a/data", ["Range": "bytes=1000000-"]).status == 416)
    #expect(try client.request("PUT", "/v1/arrays/a/data?offset=999999", binary, [1, 2]).status == 413)
    #expect(try client.request("PUT", "/v1/arrays/a/data?offset=999999", binary, [9]).status == 200)
    #expect(try client.get("/v1/arrays/a/items/-1").text == #"{"value":9}"#)
  }

  /// How often the service reads and writes: sendfile(2) takes 128 KiB at once, where the library by itself takes 4 KiB.
  @Test(arguments: [true, false]) func theyGoBySendfile(_ isOverTCP: Bool) throws {
    let client = isOverTCP ? Client(daemon.tcp, token: daemon.token) : client
    _ = try client.put("/v1/arrays/a", #"{"typecode":"B","length":16777216}"#)
    func calls() -> Int {
      names(in: "/proc/\(daemon.pid)/task").reduce(0) { sum, thread in
        let counts = contents(of: "/proc/\(daemon.pid)/task/\(thread)/io")
        return sum + ["syscr", "syscw"].reduce(0) { $0 + (field($1, in: counts).flatMap { Int($0) } ?? 0) }
      }
    }
    let before = calls()
    #expect(try client.get("/v1/arrays/a/data").body.count == 16_777_216)
    let taken = calls() - before
    #expect(taken > 0 && taken < 2_000)
  }
}

@Suite("S23: shared memory, one space seen by all") struct SharedMemoryTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  private func path(_ name: String) throws -> String {
    try #require(client.get("/v1/arrays/\(name)").json["path"].text)
  }

  @Test func aPythonChildAndTheServiceSeeEachOther() throws {
    _ = try client.put("/v1/arrays/a", #"{"typecode":"q","initial":[1,2,3]}"#)
    let written = try python(
      """
      import mmap, sys
      with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory, memoryview(memory) as view:
        with view.cast("q") as items:
          print(list(items))
          items[0] = -7
      """, path("a"))
    #expect(written == "[1, 2, 3]\n")
    #expect(try client.get("/v1/arrays/a/items").text == #"{"values":[-7,2,3]}"#)
    #expect(try mode(of: path("a")) & 0o777 == 0o600)
  }

  /// While its lock is another's an operation waits; a local program and the raw bytes do not.
  @Test func theLockIsTakenAsPythonsWrappersTakeIt() throws {
    _ = try client.put("/v1/arrays/a", #"{"typecode":"i","length":1}"#)
    _ = try client.put("/v1/sessions/mine", "{}")
    let mine = ["Procession-Session": "mine"]
    #expect(try client.request("POST", "/v1/locks/a.lock/acquire", mine).json["acquired"] == .bool(true))
    #expect(try client.get("/v1/arrays/a/items/0?timeout=0.05").code == "TimeoutError")
    #expect(try client.get("/v1/arrays/a/items/0", mine).status == 200)
    #expect(try client.get("/v1/arrays/a/data").status == 200)
    let waiting = try client.send("GET", "/v1/arrays/a/items/0")
    #expect(try eventually { try client.get("/v1/waiters").text.contains(#""verb":"items""#) })
    #expect(try client.request("POST", "/v1/locks/a.lock/release", mine).status == 204)
    let answer = try #require(Stream(waiting, isHead: false, seconds: 10))
    #expect(answer.status == 200)
    _ = answer.rest()
  }

  /// A managed process is given the memory as a descriptor, and needs no path.
  @Test func aProcessIsGivenItAsADescriptor() throws {
    _ = try client.put("/v1/arrays/a", #"{"typecode":"i","initial":[5,0]}"#)
    let program = """
      import mmap
      with mmap.mmap(3, 0) as memory, memoryview(memory) as view:
        with view.cast("i") as items: items[1] = items[0] * 2
      """
    let name = try client.start(["/usr/bin/env", "python3", "-c", program], #""fds":{"3":{"array":"a"}}"#)
    #expect(try client.process(name)["fds"]["3"]["array"] == .text("a"))
    #expect(try client.join(name)["exitcode"] == .number(0))
    #expect(try client.get("/v1/arrays/a/items").text == #"{"values":[5,10]}"#)
    let refused = try client.post("/v1/processes", #"{"command":["true"],"fds":{"3":{"array":"nobody"}}}"#)
    #expect(refused.status == 422 && refused.pointers == ["/fds/3/array"], "\(refused.text)")
  }

  @Test func aProgramThatTruncatesItHurtsItselfAlone() throws {
    _ = try client.put("/v1/arrays/a", #"{"typecode":"i","length":100000}"#)
    #expect(truncate(try path("a"), 0) == 0)
    for answer in [
      try client.get("/v1/arrays/a/items"), try client.get("/v1/arrays/a/items/5"), try client.get("/v1/arrays/a/data"),
      try client.post("/v1/arrays/a/items/99999/add", #"{"value":1}"#),
    ] {
      #expect(answer.status == 410 && answer.code == "Truncated", "\(answer.text)")
    }
    #expect(try client.get("/healthz").status == 200)
    #expect(try client.delete("/v1/arrays/a").status == 204)
  }

  @Test func nothingIsLeftBehind() throws {
    _ = try client.put("/v1/arrays/a", #"{"typecode":"i","length":10}"#)
    _ = try client.put("/v1/arrays/b", #"{"typecode":"i","length":10}"#)
    let (a, b) = (try path("a"), try path("b"))
    #expect(access(a, F_OK) == 0 && access(b, F_OK) == 0)
    #expect(try client.delete("/v1/arrays/a").status == 204)
    #expect(access(a, F_OK) != 0)
    #expect(daemon.stop() == 0)
    #expect(access(b, F_OK) != 0)
  }

  @Test func whatAKilledDaemonLeftIsSweptByTheNext() throws {
    _ = try client.put("/v1/arrays/a", #"{"typecode":"i","length":10}"#)
    let left = try path("a")
    let other = try DaemonUnderTest()
    _ = try other.client.put("/v1/arrays/a", #"{"typecode":"i","length":10}"#)
    let others = try #require(other.client.get("/v1/arrays/a").json["path"].text)
    _ = daemon.end(by: SIGKILL)
    #expect(access(left, F_OK) == 0, "nobody could unlink it")
    let next = try DaemonUnderTest()
    #expect(access(left, F_OK) != 0)
    #expect(access(others, F_OK) == 0, "the other daemon lives")
    #expect(next.stop() == 0)
    #expect(other.stop() == 0)
  }
}
