import Glibc
import Testing

@Suite("S5: apply_async, and its result's get()") struct PoolJobTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
    try client.pool("p", 2)
  }

  @Test func aJobGivesItsResultWhenItIsThere() throws {
    let job = try client.job("p", "apply_async", #"{"func":"power","args":[3],"kwds":{"y":4}}"#)
    #expect(job == "/v1/pools/p/jobs/1")
    #expect(try client.post(job + "/get").json["value"] == .number(81))
    #expect(try client.post(job + "/get").json["value"] == .number(81))
    let done = try client.get(job).json
    #expect(done["ready"] == .bool(true) && done["successful"] == .bool(true))
    #expect(try client.delete(job).status == 204)
    #expect(try client.post(job + "/get").status == 404)
  }

  @Test func itsOutcomeIsPutIntoAQueue() throws {
    let queues = #","callback":"results","error_callback":"errors""#
    #expect(try client.post("/v1/pools/p/apply_async", #"{"func":"power","args":[3]\#(queues)}"#).pointers.count == 2)
    try client.queue("results")
    try client.queue("errors")
    _ = try client.job("p", "map_async", #"{"func":"power","iterable":[1,2,3]\#(queues)}"#)
    #expect(try client.getMessage("results", "?timeout=20").text == #"{"pool":"p","job":1,"value":[1,4,9]}"#)
    let nap = try client.job("p", "apply_async", #"{"func":"nap","args":[60]\#(queues)}"#)
    _ = try client.job("p", "apply_async", #"{"func":"odd","args":[1]\#(queues)}"#)
    let error = try client.getMessage("errors", "?timeout=20").json
    #expect(error["job"] == .number(3) && error["error"]["message"] == .text("1 is odd"))
    #expect(try client.post(nap + "/cancel").status == 200)
    #expect(try client.getMessage("errors", "?timeout=20").json["error"]["type"] == .text("Cancelled"))
    #expect(try client.getMessage("results").code == "Empty", "each outcome is told once")
    #expect(try client.post("/v1/pools/p/apply", #"{"func":"power","args":[3],"callback":"results"}"#).status == 422)
  }

  @Test func getHasATimeoutThatLosesNothing() throws {
    let job = try client.job("p", "apply_async", #"{"func":"nap","args":[0.5]}"#)
    let early = try client.post(job + "/get?timeout=0.05")
    #expect(early.status == 409 && early.code == "TimeoutError")
    #expect(try client.get(job).json["successful"] == .null)
    #expect(try client.post(job + "/wait?timeout=0").json["ready"] == .bool(false))
    #expect(try client.post(job + "/get").json["value"] == .number(0.5))
    #expect(try client.post(job + "/wait").json["ready"] == .bool(true))
  }

  @Test func whatATaskRaisedIsRaisedByEachGet() throws {
    let job = try client.job("p", "apply_async", #"{"func":"odd","args":[3]}"#)
    for _ in 0..<2 {
      let failed = try client.post(job + "/get")
      #expect(failed.status == 409 && failed.code == "TaskError")
      #expect(failed.json["error"]["type"] == .text("ValueError"))
      #expect(failed.json["error"]["message"] == .text("3 is odd"))
      #expect(failed.json["error"]["args"] == Value(#"["3 is odd"]"#))
      #expect(failed.json["error"]["traceback"].text?.contains("raise ValueError") == true)
    }
    #expect(try client.get(job).json["successful"] == .bool(false))
  }

  @Test func progressIsToldAsItComes() throws {
    let items = Array(repeating: "0.05", count: 20).joined(separator: ",")
    let job = try client.job("p", "map_async", #"{"func":"nap","iterable":[\#(items)],"chunksize":1}"#)
    let events = try client.get(job + "/events").text
    #expect(events.split(separator: "event: progress").count > 3)
    let last = events.split(separator: "data: ").last.map { Value(String($0)) }
    #expect(last?["done"] == .number(20) && last?["total"] == .number(20) && last?["successful"] == .bool(true))
  }

  @Test func aCancelledJobEndsAtOnce() throws {
    let job = try client.job("p", "map_async", #"{"func":"nap","iterable":[0.2,30,30,30,30],"chunksize":1}"#)
    #expect(try client.post(job + "/cancel").json["cancelled"] == .bool(true))
    #expect(try client.post(job + "/get").code == "Cancelled")
    #expect(try client.post(job + "/cancel").json["cancelled"] == .bool(false))
  }

  @Test func aTaskThatTakesTooLongIsInterruptedAndItsWorkerLivesOn() throws {
    let pids = try client.pids("p")
    let late = try client.apply("p", "nap", "[30]", #","timeout":0.1"#)
    #expect(late.status == 409 && late.code == "TimeoutError")
    #expect(try client.apply("p", "square", "[2]").json["value"] == .number(4))
    #expect(try client.pids("p") == pids)
  }

  @Test func severalThingsCanBeWaitedFor() throws {
    let slow = try client.job("p", "apply_async", #"{"func":"nap","args":[30]}"#)
    _ = try client.job("p", "apply_async", #"{"func":"nap","args":[0.1]}"#)
    let ready = try client.post("/v1/wait", #"{"any":[{"pool":"p","job":1},{"pool":"p","job":2}]}"#)
    #expect(ready.json["ready"] == Value(#"[{"pool":"p","job":2}]"#))
    #expect(try client.post(slow + "/cancel").status == 200)
  }
}

@Suite("S6: map(func, iterable)") struct PoolMapTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  private static let squares = Value("[0,1,4,9,16,25,36,49,64,81]")

  @Test func theResultsAreAListInOrder() throws {
    try client.pool("p", 4)
    #expect(try client.map("p", "square", "[0,1,2,3,4,5,6,7,8,9]").json["value"] == Self.squares)
    #expect(try client.map("p", "square", "[]").json["value"] == .array([]))
    let pairs = try client.post("/v1/pools/p/starmap", #"{"func":"power","iterable":[[2,3],[3,2],[5]]}"#)
    #expect(pairs.json["value"] == Value("[8,9,25]"))
  }

  @Test func itIsWhatALoopOfApplyAsyncGives() throws {
    try client.pool("p", 2)
    let jobs = try (0..<10).map { try client.job("p", "apply_async", #"{"func":"square","args":[\#($0)]}"#) }
    #expect(.array(try jobs.map { try client.post($0 + "/get").json["value"] }) == Self.squares)
  }

  @Test func anErrorEndsItOrIsCollected() throws {
    try client.pool("p", 2)
    let raised = try client.map("p", "odd", "[0,2,3,4]")
    #expect(raised.status == 409 && raised.code == "TaskError")
    let collected = try client.map("p", "odd", "[0,1,2,3]", #","on_error":"collect","chunksize":2"#)
    #expect(collected.status == 200 && collected.json["value"] == Value("[0,null,2,null]"))
    #expect(collected.json["errors"].items.map { $0["index"].int } == [1, 3])
    #expect(collected.json["errors"][0]["error"]["message"] == .text("1 is odd"))
    #expect(try client.map("p", "square", "[1]", #","chunksize":0"#).pointers == ["/chunksize"])
  }

  /// Numbers and texts come through as they were written.
  @Test func payloadsAreTheClientsBytes() throws {
    try client.pool("p", 1)
    let large = #"[123456789012345678901234567890,"\u00e9 \ud83d\ude00"]"#
    let text = try client.map("p", "str", large).text
    #expect(text.contains(#""123456789012345678901234567890""#) && text.contains("é 😀"))
  }

  @Test func resultsAreStreamedAsTheyCome() throws {
    try client.pool("p", 2)
    let ordered = try client.post("/v1/pools/p/imap", #"{"func":"odd","iterable":[0,1,2]}"#)
    let lines = ordered.text.split(separator: "\n").map { Value(String($0)) }
    #expect(lines.map { $0["index"].int } == [0, 1, 2])
    #expect(lines[0]["value"] == .number(0) && lines[1]["error"]["type"] == .text("ValueError"))
    #expect(ordered["content-type"] == "application/x-ndjson")
    let unordered = try client.post("/v1/pools/p/imap_unordered", #"{"func":"nap","iterable":[0.4,0,0.1]}"#)
    #expect(unordered.text.split(separator: "\n").compactMap { Value(String($0))["index"].int } == [1, 2, 0])
  }

  @Test func itemsAreStreamedIn() throws {
    try client.pool("p", 2)
    let stream = try client.open(
      "POST", "/v1/pools/p/imap", ["Content-Type": "application/json"],
      Array(#"{"func":"square","iterable":{"stream":true}}"#.utf8))
    let job = "/v1/pools/p/jobs/\(try #require(stream.headers["procession-job"]))"
    let type = ["Content-Type": "application/x-ndjson"]
    #expect(try client.request("POST", job + "/put", type, Array("1\n2\n\n".utf8)).json["accepted"] == .number(2))
    #expect(try client.request("POST", job + "/put?close=true", type, Array("3".utf8)).status == 200)
    let text = String(decoding: stream.rest(), as: UTF8.self)
    #expect(text == "{\"index\":0,\"value\":1}\n{\"index\":1,\"value\":4}\n{\"index\":2,\"value\":9}\n")
    #expect(try client.request("POST", job + "/put", type, Array("4".utf8)).status == 410)
  }

  @Test func programsRunOncePerTask() throws {
    #expect(try client.post("/v1/pools", #"{"name":"e","processes":2,"worker":{"exec":{}}}"#).status == 201)
    let answer = try client.apply("e", "sh", #"["-c","cat; echo oops >&2; exit 3"]"#, #","kwds":{"stdin":"abc"}"#)
    #expect(answer.json["value"] == Value(#"{"exitcode":3,"stdout":"abc","stderr":"oops\n"}"#))
    let squares = try client.map("e", "expr", "[]")
    #expect(squares.json["value"] == .array([]))
    let words = try client.post("/v1/pools/e/starmap", #"{"func":"echo","iterable":[["a",1],["b c"]]}"#)
    #expect(words.json["value"].items.map { $0["stdout"].text } == ["a 1\n", "b c\n"])
    let late = try client.apply("e", "sh", #"["-c","echo begun; exec sleep 30"]"#, #","kwds":{"timeout":0.3}"#)
    #expect(late.code == "TimeoutError" && late.json["error"]["partial"]["stdout"] == .text("begun\n"))
    #expect(try client.apply("e", "/nonexistent").json["error"]["type"] == .text("SpawnError"))
  }
}
