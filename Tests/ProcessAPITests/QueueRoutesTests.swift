import HTTP
import Testing

@testable import ProcessCore

@Suite struct QueueRoutesTests {
  let api: APIUnderTest
  private let q = "/v1/queues/q"

  init() throws {
    api = try APIUnderTest()
    _ = try api.post("/v1/queues", #"{"name":"q","joinable":true}"#)
  }

  private func put(_ text: String, _ type: String? = nil, _ query: String = "") throws -> APIUnderTest.Result {
    try api.call(.post, q + "/put" + query, text, headers: type.map { ["content-type": $0] } ?? [:])
  }

  private func get(_ query: String = "?timeout=0") throws -> APIUnderTest.Result { try api.post(q + "/get" + query) }

  /// A member of the answer to `reserve`, as text.
  private func member(_ name: String, of result: APIUnderTest.Result) -> String? {
    result.body.split(separator: "\"\(name)\":\"").dropFirst().first.map { String($0.prefix { $0 != "\"" }) }
  }

  @Test func aQueueIsMadeOfItsSettings() throws {
    let plain = try api.post("/v1/queues")
    #expect(plain.status == 201 && plain.headers["location"] == "/v1/queues/Queue-1")
    #expect(plain.contains(#""qsize":0,"empty":true,"full":false,"maxsize":0,"joinable":false,"lease":60.0"#))
    #expect(plain.contains(#""reserved":0,"delayed":0,"unfinished":null,"closed":false,"bytes":0"#))
    let all = #"{"name":"all","maxsize":2,"joinable":true,"lease":1.5,"max_bytes":1000,"labels":{"a":"b"}}"#
    let made = try api.post("/v1/queues", all)
    #expect(made.contains(#""maxsize":2,"joinable":true,"lease":1.5"#) && made.contains(#""max_bytes":1000"#))
    #expect(made.contains(#""unfinished":0"#) && made.contains(#""labels":{"a":"b"}"#))
    #expect(try api.post("/v1/queues", #"{"name":"n","maxsize":-5}"#).contains(#""maxsize":0"#))
    #expect(try api.call(.put, "/v1/queues/n", #"{"maxsize":0}"#).status == 200)
    #expect(try api.call(.put, "/v1/queues/n", #"{"maxsize":1}"#).code == "AlreadyExists")
    let wrong = try api.post("/v1/queues", #"{"maxsize":1.5,"joinable":1,"lease":0,"max_bytes":0,"size":3}"#)
    #expect(wrong.status == 422 && wrong.pointers == ["/maxsize", "/joinable", "/lease", "/max_bytes", "/size"])
  }

  @Test func whatIsPutComesBackAsItWas() throws {
    for (text, type) in [
      (#" {"a" : 1e0, "b":12345678901234567890123 } "#, "application/json"), ("\u{0}\u{1}", "image/png; x=\"y\""),
      ("", "text/plain"), ("[1,2]", "application/geo+json; charset=utf-8"), ("not {json", "text/x"),
    ] {
      #expect(try put(text, type).status == 204)
      let got = try get()
      #expect(got.status == 200 && got.body == text && got.headers["content-type"] == type)
      #expect(got.headers["procession-deliveries"] == nil)
    }
    #expect(try put("x").status == 204)
    #expect(try get().headers["content-type"] == "application/octet-stream")
  }

  @Test func jsonIsChecked() throws {
    for text in ["", "{", "1 2", "\u{FEFF}1", #"{"a":01}"#] {
      let answer = try put(text, "application/json")
      #expect(answer.status == 400 && answer.code == "JSONDecodeError", "\(text)")
      #expect(try put(text, "application/vnd.x+json").status == 400)
    }
    #expect(try get().code == "Empty")
  }

  @Test func linesAreMessages() throws {
    let lines = "{\"a\":1}\n\n  2 \r\n \t\n\"three\""
    #expect(try put(lines, "application/x-ndjson; charset=utf-8").status == 204)
    #expect(try api.get(q).contains(#""qsize":3"#))
    let first = try get()
    #expect(first.body == #"{"a":1}"# && first.headers["content-type"] == "application/json")
    let rest = try get("?max=10&timeout=0")
    #expect(rest.body == "2\n\"three\"\n" && rest.headers["content-type"] == "application/x-ndjson")
    let wrong = try put("1\n{\n3", "application/x-ndjson")
    #expect(wrong.status == 400 && wrong.code == "JSONDecodeError" && wrong.contains("line 2"))
    #expect(try api.get(q).contains(#""qsize":0"#), "all or none")
    #expect(try put("\n\n", "application/x-ndjson").status == 204)
    let many = String(repeating: "1\n", count: 100_001)
    #expect(try put(many, "application/x-ndjson").status == 413)
  }

  @Test func aBatchNeedsRoomForAll() throws {
    _ = try api.post("/v1/queues", #"{"name":"small","maxsize":2}"#)
    func put(_ text: String) throws -> APIUnderTest.Result {
      let headers = ["content-type": "application/x-ndjson"]
      return try api.call(.post, "/v1/queues/small/put?timeout=0", text, headers: headers)
    }
    #expect(try put("1\n2\n3").status == 422)
    #expect(try put("1").status == 204)
    #expect(try put("1\n2").code == "Full")
    #expect(try put("1").status == 204)
    #expect(try put("1").code == "Full")
  }

  @Test func whatIsNoLineComesAlone() throws {
    for (text, type) in [
      ("1", "application/json"), ("{\n}", "application/json"), ("x", "text/plain"), ("2", "a/b+json"),
    ] {
      _ = try put(text, type)
    }
    let answers = try (0..<4).map { _ in try get("?max=100&timeout=0") }
    #expect(answers.map(\.body) == ["1\n", "{\n}", "x", "2\n"])
    let types = ["application/x-ndjson", "application/json", "text/plain", "application/x-ndjson"]
    #expect(answers.map { $0.headers["content-type"] } == types)
    #expect(try get("?max=0").pointers == ["?max"] && get("?max=10001").pointers == ["?max"])
  }

  @Test func waitingIsAnsweredWhenItsTimeHasCome() throws {
    let waiting = try api.answer(.post, q + "/get")
    #expect(try api.get(q).contains(#""waiters":1"#))
    #expect(try api.get("/v1/waiters").contains(#""kind":"queue","name":"q","verb":"get""#))
    _ = try put("x", "text/plain")
    #expect(try api.result(waiting).body == "x")
    #expect(try get("?timeout=0.01").code == "Empty")
    #expect(try get("?block=false&timeout=60").status == 409)
    #expect(try get("?timeout=-1").status == 422)
  }

  /// What the server does when the client has gone: it says so, and the message is the next to be had.
  @Test func whatIsNotDeliveredIsHadByTheNext() throws {
    _ = try put("1\n2\n3", "application/x-ndjson")
    guard case .success(.now(let lost)) = try api.answer(.post, q + "/get?max=2").0 else {
      Issue.record("nothing was got"); return
    }
    #expect(try api.get(q).contains(#""qsize":1"#))
    lost.onUndelivered?()
    let again = try get("?max=10")
    #expect(again.body == "1\n2\n3\n" && again.headers["procession-deliveries"] == "1")
    #expect(try get().code == "Empty")

    _ = try put("x")
    guard case .success(.now(let unread)) = try api.answer(.post, q + "/reserve").0 else {
      Issue.record("nothing was reserved"); return
    }
    unread.onUndelivered?()
    #expect(try api.get(q).contains(#""qsize":1"#) && api.get(q).contains(#""reserved":0"#))
    #expect(try get().headers["procession-deliveries"] == "1")
  }

  @Test func aReservationShowsTheMessage() throws {
    _ = try put(#"{"a": 1e0}"#, "application/json")
    let json = try api.post(q + "/reserve?timeout=0")
    #expect(json.status == 200 && json.headers["content-type"] == "application/json")
    #expect(json.contains(#""deliveries":0,"content_type":"application/json","value":{"a": 1e0}}"#))
    for (text, base64) in [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("ÿ?>~", "w78/Pn4="),
    ] {
      _ = try put(text, "text/x; a=\"b\"")
      let answer = try api.post(q + "/reserve?timeout=0")
      #expect(answer.contains(#""content_type":"text/x; a=\"b\"","base64":"\#(base64)"}"#), "\(text)")
    }
    #expect(try api.post(q + "/reserve?timeout=0").code == "Empty")
  }

  @Test func aReceiptIsGoodForOneEnd() throws {
    _ = try put("x")
    let receipt = try #require(member("receipt", of: try api.post(q + "/reserve", #"{"lease":30}"#)))
    #expect(receipt.utf8.count == 16)
    let body = #"{"receipt":"\#(receipt)"}"#
    #expect(try api.post(q + "/touch", body).status == 204)
    #expect(try api.post(q + "/touch", #"{"receipt":"\#(receipt)","lease":0.5}"#).status == 204)
    #expect(try api.post(q + "/nack", body).status == 204)
    #expect(try api.post(q + "/nack", body).code == "NotOwner")
    #expect(try api.post(q + "/ack", body).status == 409)
    let again = try api.post(q + "/reserve")
    #expect(again.contains(#""deliveries":1"#))
    let second = try #require(member("receipt", of: again))
    #expect(try api.get(q).contains(#""unfinished":1"#))
    #expect(try api.post(q + "/ack", #"{"receipt":"\#(second)"}"#).status == 204)
    #expect(try api.get(q).contains(#""unfinished":0"#))
    #expect(try api.post(q + "/ack", #"{"receipt":"x"}"#).pointers == ["/receipt"])
    #expect(try api.post(q + "/nack", #"{"delay":-1}"#).pointers == ["/receipt", "/delay"])
    #expect(try api.post(q + "/touch", #"{"receipt":"\#(second)","lease":0}"#).pointers == ["/lease"])
    #expect(try api.post(q + "/reserve", #"{"lease":0}"#).pointers == ["/lease"])
  }

  @Test func aDelayPassesBeforeItComesBack() throws {
    _ = try put("x")
    let receipt = try #require(member("receipt", of: try api.post(q + "/reserve")))
    #expect(try api.post(q + "/nack", #"{"receipt":"\#(receipt)","delay":0.05}"#).status == 204)
    #expect(try api.get(q).contains(#""delayed":1"#))
    #expect(try get("?timeout=10").body == "x")
  }

  @Test func aReservedMessageIsItsSessions() throws {
    _ = try api.post("/v1/sessions", #"{"name":"s"}"#)
    _ = try put("x")
    let reserved = try api.call(.post, q + "/reserve", headers: ["procession-session": "s"])
    let body = #"{"receipt":"\#(try #require(member("receipt", of: reserved)))"}"#
    #expect(try api.post(q + "/ack", body).code == "NotOwner")
    #expect(try api.get("/v1/waiters").contains(#""holders":[{"kind":"queue","name":"q","session":"s","count":1"#))
    _ = try api.call(.delete, "/v1/sessions/s")
    #expect(try get().body == "x")
    #expect(try api.call(.post, q + "/get", headers: ["procession-session": "s"]).code == "SessionEnded")
  }

  @Test func tasksAreCounted() throws {
    for text in ["1", "2", "3"] { _ = try put(text) }
    let joining = try api.answer(.post, q + "/join")
    #expect(try api.post(q + "/join?timeout=0").body == #"{"unfinished":3}"#)
    #expect(try api.post(q + "/task_done").status == 204)
    #expect(try api.post(q + "/task_done", #"{"n":3}"#).code == "OverRelease")
    #expect(try api.post(q + "/task_done", #"{"n":0}"#).pointers == ["/n"])
    #expect(try api.post(q + "/task_done", #"{"n":2}"#).status == 204)
    #expect(try api.result(joining).body == #"{"unfinished":0}"#)
    _ = try api.post("/v1/queues", #"{"name":"plain"}"#)
    for verb in ["task_done", "join"] {
      let answer = try api.post("/v1/queues/plain/\(verb)")
      #expect(answer.status == 409 && answer.code == "NotJoinable")
    }
  }

  @Test func closingPeekingPurging() throws {
    #expect(try api.post(q + "/peek").code == "Empty")
    _ = try put("x", "text/plain")
    #expect(try api.post(q + "/peek").body == "x" && api.post(q + "/peek").headers["content-type"] == "text/plain")
    _ = try put("y")
    #expect(try api.post(q + "/purge").body == #"{"purged":2}"#)
    _ = try put("z")
    for _ in 0..<2 { #expect(try api.post(q + "/close").status == 204) }
    #expect(try put("w").code == "Closed" && put("w").status == 410)
    #expect(try get().body == "z")
    for verb in ["get", "reserve", "peek"] { #expect(try api.post("\(q)/\(verb)").status == 410, "\(verb)") }
    #expect(try api.get(q).contains(#""closed":true"#))
  }

  @Test func deletingTellsThoseWhoWait() throws {
    let waiting = try ["get", "reserve"].map { try api.answer(.post, "\(q)/\($0)") }
    #expect(try api.call(.delete, q).status == 204)
    for call in waiting { #expect(try api.result(call).code == "Closed") }
    #expect(try put("x").status == 404 && get().status == 404)
  }

  @Test func overTheLimitsNothingWaits() throws {
    var options = ProcessOptions()
    (options.queues.messages, options.queues.bytes, options.queues.totalBytes) = (2, 300, 400)
    let small = try APIUnderTest(options)
    for name in ["a", "b"] { _ = try small.post("/v1/queues", #"{"name":"\#(name)"}"#) }
    func put(_ queue: String, _ count: Int) throws -> APIUnderTest.Result {
      try small.call(.post, "/v1/queues/\(queue)/put", String(repeating: "x", count: count))
    }
    let tooLarge = try put("a", 300)
    #expect(tooLarge.status == 429 && tooLarge.code == "QuotaExceeded" && tooLarge.headers["retry-after"] == "1")
    #expect(try put("a", 1).status == 204 && put("a", 1).status == 204)
    #expect(try put("a", 1).status == 429, "two messages are enough")
    #expect(try put("b", 180).status == 429, "together they are too large")
    #expect(try put("b", 1).status == 204)
  }

  @Test func itCanBeWaitedFor() throws {
    let waiting = try api.answer(.post, "/v1/wait", #"{"any":[{"queue":"q"}]}"#)
    _ = try put("x")
    #expect(try api.result(waiting).body == #"{"ready":[{"queue":"q"}]}"#)
    #expect(try api.post("/v1/wait?timeout=60", #"{"any":[]}"#).pointers == ["/any"])
    #expect(try api.post("/v1/wait", #"{"all":[]}"#).body == #"{"ready":[]}"#)
  }
}
