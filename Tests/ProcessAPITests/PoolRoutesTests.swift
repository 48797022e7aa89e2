import Glibc
import HTTP
import Testing

@testable import ProcessCore

/// A document, and the pointers to what is wrong with it.
struct WrongDocument: Sendable {
  let operation: String
  let document: String
  let pointers: Set<String>

  init(_ operation: String, _ document: String, _ pointers: String...) {
    self.operation = operation
    self.document = document
    self.pointers = Set(pointers)
  }
}

@Suite struct PoolRoutesTests {
  let api: APIUnderTest
  private let p = "/v1/pools/p"

  init() throws {
    var options = ProcessOptions()
    options.pools.workers = 8
    options.pools.jobs = 3
    options.pools.queuedTasks = 100
    options.pools.queuedBytes = 4000
    api = try APIUnderTest(options)
    let pool = #"{"name":"p","processes":1,"worker":{"exec":{}},"labels":{"a":"b"}}"#
    try #require(try api.post("/v1/pools", pool).status == 201)
  }

  /// A job that does not end.
  private func sleep(_ seconds: Int = 60) throws -> String {
    let made = try api.post(p + "/apply_async", #"{"func":"sleep","args":[\#(seconds)]}"#)
    return try #require(made.status == 202 ? made.headers["location"] : nil, "\(made.body)")
  }

  // MARK: Pools

  @Test func aPoolIsMadeOfItsSettings() throws {
    let made = try api.get(p)
    #expect(made.contains(#""name":"p","labels":{"a":"b"}"#))
    #expect(made.contains(#""state":"running","processes":1,"worker":{"exec":{}},"initializer":null"#))
    #expect(made.contains(#""queued":0,"done":0,"lost":0,"jobs":0,"workers":[],"error":null"#))
    #expect(try api.call(.put, p, #"{"processes":1,"worker":{"exec":{}}}"#).code == "AlreadyExists")
    let same = #"{"processes":1,"worker":{"exec":{}},"labels":{"a":"b"}}"#
    #expect(try api.call(.put, p, same).status == 200)
    #expect(try api.post("/v1/pools", #"{"name":"p"}"#).code == "AlreadyExists")
  }

  private static let wrongPools = [
    WrongDocument("", #"{"processes":0}"#, "/processes"),
    WrongDocument("", #"{"processes":9}"#, "/processes"),
    WrongDocument("", #"{"worker":{}}"#, "/worker"),
    WrongDocument("", #"{"worker":{"exec":{},"python":{}}}"#, "/worker"),
    WrongDocument("", #"{"worker":{"exec":{"x":1}}}"#, "/worker/exec/x"),
    WrongDocument("", #"{"worker":{"command":[]}}"#, "/worker/command"),
    WrongDocument(
      "", #"{"worker":{"python":{"source":1,"path":"."}}}"#, "/worker/python/path", "/worker/python/source"),
    WrongDocument("", #"{"worker":{"exec":{}},"initializer":"f"}"#, "/initializer"),
    WrongDocument("", #"{"initargs":{}}"#, "/initargs"),
    WrongDocument(
      "", #"{"maxtasksperchild":0,"window":0,"grace":-1,"size":1}"#, "/maxtasksperchild", "/window", "/grace", "/size"),
  ]

  @Test(arguments: wrongPools)
  func wrongFieldsOfAPoolAreNamed(_ wrong: WrongDocument) throws {
    let answer = try api.post("/v1/pools", wrong.document)
    #expect(answer.status == 422 && Set(answer.pointers) == wrong.pointers, "\(answer.body)")
  }

  @Test func aPoolWhosePythonIsMissingIsNotMade() throws {
    let answer = try api.post("/v1/pools", #"{"name":"q","worker":{"python":{"executable":"/nonexistent"}}}"#)
    #expect(answer.status == 422 && answer.code == "SpawnError")
    #expect(try api.get("/v1/pools/q").status == 404)
  }

  @Test func whatIsNotThereIs404() throws {
    for path in ["", "/workers", "/jobs", "/jobs/1", "/workers/w/output"] {
      #expect(try api.get("/v1/pools/nobody" + path).status == 404, "\(path)")
    }
    for verb in [
      "close", "terminate", "join", "restart", "workers/w/restart", "jobs/1/get", "jobs/1/wait", "jobs/1/cancel",
    ] {
      #expect(try api.post("/v1/pools/nobody/" + verb).status == 404, "\(verb)")
    }
    for verb in ["apply", "apply_async"] {
      #expect(try api.post("/v1/pools/nobody/" + verb, #"{"func":"f"}"#).status == 404, "\(verb)")
    }
    for verb in ["map", "map_async", "starmap", "starmap_async", "imap", "imap_unordered"] {
      #expect(try api.post("/v1/pools/nobody/" + verb, #"{"func":"f","iterable":[]}"#).status == 404, "\(verb)")
    }
    for path in ["/jobs/1", "/jobs/x", "/jobs/-1", "/jobs/1/events", "/workers/w/output"] {
      #expect(try api.get(p + path).status == 404, "\(path)")
    }
    for verb in ["jobs/1/get", "jobs/1/wait", "jobs/1/put", "jobs/1/cancel", "workers/w/restart"] {
      #expect(try api.post(p + "/" + verb).status == 404, "\(verb)")
    }
    #expect(try api.call(.delete, p + "/jobs/1").status == 404)
  }

  @Test func whatTheStateForbidsIs409() throws {
    #expect(try api.post(p + "/join").code == "StillRunning")
    #expect(try api.post(p + "/close").contains(#""state":"closed""#))
    #expect(try api.post(p + "/apply", #"{"func":"true"}"#).code == "NotRunning")
    #expect(try api.post(p + "/map_async", #"{"func":"true","iterable":[]}"#).code == "NotRunning")
    #expect(try api.call(.patch, p, #"{"processes":2}"#).code == "NotRunning")
    #expect(try api.post(p + "/restart").code == "NotRunning")
    #expect(try api.post(p + "/join").contains(#""joined":true"#))
    #expect(try api.post(p + "/terminate").contains(#""state":"terminated""#))
  }

  @Test func aPoolIsResizedWithinItsLimit() throws {
    #expect(try api.call(.patch, p, #"{"processes":3}"#).contains(#""processes":3"#))
    #expect(try api.call(.patch, p, #"{"processes":9}"#).pointers == ["/processes"])
    #expect(try api.call(.patch, p, #"{"x":9}"#).pointers == ["/processes", "/x"])
  }

  @Test func whoDeletesAPoolEndsItsJobs() throws {
    let job = try sleep()
    let waiting = try api.answer(.post, job + "/get")
    #expect(try api.call(.delete, p).status == 204)
    #expect([409, 404].contains(try api.result(waiting).status))
    #expect(try api.get(job).status == 404)
  }

  // MARK: Work

  @Test func aProgramIsCalled() throws {
    let answer = try api.post(p + "/apply", #"{"func":"sh","args":["-c","cat; exit 3"],"kwds":{"stdin":"in"}}"#)
    #expect(answer.status == 200 && answer.contains(#"{"value":{"exitcode":3,"stdout":"in","stderr":""}"#))
    #expect(try api.post(p + "/apply?timeout=0", #"{"func":"sleep","args":[60]}"#).code == "TimeoutError")
    #expect(try api.post(p + "/apply?timeout=-1", #"{"func":"true"}"#).status == 422)
    #expect(try api.post(p + "/map", #"{"func":"echo","iterable":[]}"#).body == #"{"value":[]}"#)
    let lines = try api.post(p + "/imap", #"{"func":"echo","iterable":["a","b"]}"#).body
    #expect(lines.split(separator: "\n").count == 2)
  }

  private static let wrongWork = [
    WrongDocument(
      "apply", #"{"func":"","args":{},"kwds":[],"timeout":0,"retries":-1,"backoff":-1,"what":1}"#,
      "/func", "/args", "/kwds", "/timeout", "/retries", "/backoff", "/what"),
    WrongDocument("apply", #"{"func":"f","iterable":[]}"#, "/iterable"),
    WrongDocument("apply", "{}", "/func"),
    WrongDocument("apply", #"{"func":1}"#, "/func"),
    WrongDocument("apply", #"{"func":"f","callback":"q"}"#, "/callback"),
    WrongDocument("map", #"{"func":"f"}"#, "/iterable"),
    WrongDocument("map", #"{"func":"f","iterable":3}"#, "/iterable"),
    WrongDocument("map", #"{"func":"f","iterable":[],"chunksize":0,"on_error":"x"}"#, "/chunksize", "/on_error"),
    WrongDocument("starmap", #"{"func":"f","iterable":{"stream":true}}"#, "/iterable"),
    WrongDocument("imap", #"{"func":"f","iterable":{"stream":false}}"#, "/iterable"),
    WrongDocument("imap", #"{"func":"f","iterable":[],"on_error":"raise"}"#, "/on_error"),
    WrongDocument(
      "map_async", #"{"func":"f","iterable":[],"callback":"q","error_callback":"r"}"#, "/callback", "/error_callback"),
  ]

  @Test(arguments: wrongWork)
  func wrongFieldsOfWorkAreNamed(_ wrong: WrongDocument) throws {
    let answer = try api.post(p + "/" + wrong.operation, wrong.document)
    #expect(answer.status == 422 && Set(answer.pointers) == wrong.pointers, "\(answer.body)")
    #expect(try api.get(p).contains(#""jobs":0"#))
  }

  @Test func whatIsNoJSONIs400() throws {
    for document in ["[1]", "{", #"{"func":"f","iterable":[1,]}"#, #"{"func":"f""#] {
      #expect(try api.post(p + "/map", document).code == "JSONDecodeError", "\(document)")
    }
  }

  @Test func limitsAre429() throws {
    let many = Array(repeating: "1", count: 101).joined(separator: ",")
    let tasks = try api.post(p + "/map_async", #"{"func":"true","iterable":[\#(many)]}"#)
    #expect(tasks.status == 429 && tasks.code == "QuotaExceeded" && tasks.headers["retry-after"] == "1")
    let text = String(repeating: "x", count: 4001)
    #expect(try api.post(p + "/apply", #"{"func":"true","args":["\#(text)"]}"#).status == 429)
    for _ in 0..<3 { _ = try sleep() }
    #expect(try api.post(p + "/apply_async", #"{"func":"true"}"#).status == 429)
    #expect(try api.call(.delete, p + "/jobs/1").status == 204)
    #expect(try api.post(p + "/apply_async", #"{"func":"true"}"#).status == 202)
  }

  @Test func aProcessMayUsePoolsOfCommandsAlone() throws {
    let stranger = Caller.bearer(subject: "worker")
    #expect(try api.call(.post, p + "/apply", #"{"func":"true"}"#, as: stranger).status == 403)
    #expect(try api.call(.post, "/v1/pools", #"{"worker":{"exec":{}}}"#, as: stranger).status == 403)
  }

  // MARK: Jobs

  @Test func aJobIsFollowedToItsEnd() throws {
    let made = try api.post(p + "/map_async", #"{"func":"echo","iterable":["a","b"]}"#)
    #expect(made.status == 202 && made.headers["location"] == p + "/jobs/1")
    #expect(made.contains(#"{"id":1,"op":"map","func":"echo""#))
    let waited = try api.post(p + "/jobs/1/wait")
    #expect(waited.contains(#""ready":true,"successful":true"#) && waited.contains(#""done":2,"failed":0,"total":2"#))
    #expect(try api.post(p + "/jobs/1/get").body.hasPrefix(#"{"value":[{"exitcode":0,"stdout":"a\n""#))
    #expect(try api.get(p + "/jobs/1/events").contains("event: end"))
    #expect(try api.get(p + "/jobs").contains(#""next":null"#))
    #expect(try api.get(p + "/jobs?limit=0").status == 422)
    #expect(try api.call(.delete, p + "/jobs/1").status == 204)
    #expect(try api.get(p + "/jobs/1").status == 404)
  }

  @Test func aJobThatIsCancelledSaysSo() throws {
    let job = try sleep()
    #expect(try api.post(job + "/get?timeout=0").code == "TimeoutError")
    #expect(try api.post(job + "/wait?timeout=0").contains(#""ready":false"#))
    #expect(try api.post(job + "/cancel").contains(#""cancelled":true"#))
    #expect(try api.post(job + "/cancel").contains(#""cancelled":false"#))
    #expect(try api.post(job + "/get").code == "Cancelled")
  }

  @Test func aJobThatIsNoStreamTakesNoItems() throws {
    let job = try sleep()
    let answer = try api.post(job + "/put", "1\n")
    #expect(answer.status == 409 && answer.code == "WrongEnd")
    #expect(try api.get(job + "/results").code == "WrongEnd")
  }

  @Test(arguments: ["imap_async", "imap_unordered_async"])
  func itemsGoInAndResultsComeOut(_ operation: String) throws {
    let made = try api.post(p + "/" + operation, #"{"func":"echo","iterable":{"stream":true}}"#)
    #expect(made.status == 202 && made.headers["location"] == p + "/jobs/1")
    #expect(try api.post(p + "/jobs/1/get").code == "WrongEnd")
    #expect(try api.post(p + "/jobs/1/put", "\"a\"\n \n\"b\"").body == #"{"accepted":2}"#)
    #expect(try api.post(p + "/jobs/1/put", "\"c\"\n{\n").code == "JSONDecodeError")
    #expect(try api.post(p + "/jobs/1/put?close=true&timeout=1", "\"d\"\n").body == #"{"accepted":1}"#)
    #expect([409, 410].contains(try api.post(p + "/jobs/1/put", "\"e\"").status))
    let results = try api.get(p + "/jobs/1/results")
    #expect(results.headers["content-type"] == "application/x-ndjson")
    #expect(results.body.split(separator: "\n").count == 3 && results.contains(#"{"index":2,"value":{"exitcode":0"#))
    #expect(try api.get(p + "/jobs/1/results").body.isEmpty)
    #expect(try api.post(p + "/jobs/1/put?size=1", "").status == 422)
  }

  @Test func aStreamNeedsNoItemsOfItsOwn() throws {
    _ = try api.post(p + "/imap_async", #"{"func":"echo","iterable":["a"]}"#)
    #expect(try api.get(p + "/jobs/1/results").body.hasPrefix(#"{"index":0,"value":{"exitcode":0,"stdout":"a\n""#))
    #expect(try api.post(p + "/imap_async", #"{"func":"f","iterable":[],"callback":"q"}"#).pointers == ["/callback"])
  }

  @Test func jobsAreListedPageByPage() throws {
    for _ in 0..<3 { _ = try sleep() }
    let first = try api.get(p + "/jobs?limit=2")
    #expect(first.contains(#""id":1"#) && first.contains(#""id":2"#) && !first.contains(#""id":3"#))
    #expect(first.contains(#""next":"2""#))
    let second = try api.get(p + "/jobs?limit=2&cursor=2")
    #expect(second.contains(#""id":3"#) && second.contains(#""next":null"#))
  }
}
