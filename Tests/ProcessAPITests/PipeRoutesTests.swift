import HTTP
import Linux
import ProcessCore
import Testing

/// `/v1/pipes`, from the request to the response.
@Suite struct PipeRoutesTests {
  let test: APIUnderTest

  init() throws { test = try APIUnderTest() }

  private func make(_ settings: String = #"{"name":"p"}"#) throws {
    #expect(try test.post("/v1/pipes", settings).status == 201)
  }

  private func end(_ number: Int, _ verb: String, _ query: String = "") -> String {
    "/v1/pipes/p/ends/\(number)/\(verb)\(query)"
  }

  private func send(_ number: Int, _ body: String, _ type: String? = nil, _ query: String = "") throws
    -> APIUnderTest.Result
  {
    try test.call(.post, end(number, "send", query), body, headers: type.map { ["content-type": $0] } ?? [:])
  }

  private func session() throws -> [String: String] {
    let made = try test.post("/v1/sessions", "{}")
    let location = try #require(made.headers["location"])
    return ["procession-session": String(location.dropFirst("/v1/sessions/".count))]
  }

  @Test func itIsMadeReadAndForgotten() throws {
    let made = try test.post("/v1/pipes", #"{"labels":{"a":"b"}}"#)
    #expect(made.status == 201 && made.headers["location"] == "/v1/pipes/Pipe-1")
    #expect(made.contains(#""duplex":true,"capacity":1048576"#))
    let end = #"{"open":true,"holders":0,"messages":0,"buffered_bytes":0,"waiting":{"send":0,"recv":0,"poll":0}}"#
    #expect(made.contains(#""ends":{"0":\#(end),"1":\#(end)}"#), "\(made.body)")
    #expect(try test.get("/v1/pipes/Pipe-1").status == 200)
    #expect(try test.get("/v1/pipes?label=a%3Db").contains("Pipe-1"))
    #expect(try test.call(.put, "/v1/pipes/Pipe-1", #"{"labels":{"a":"b"}}"#).status == 200)
    #expect(try test.call(.put, "/v1/pipes/Pipe-1", #"{"duplex":false}"#).code == "AlreadyExists")
    #expect(try test.call(.delete, "/v1/pipes/Pipe-1").status == 204)
    #expect(try test.get("/v1/pipes/Pipe-1").status == 404)
  }

  @Test func whatItIsMadeOfIsChecked() throws {
    #expect(try test.post("/v1/pipes", #"{"capacity":0}"#).pointers == ["/capacity"])
    #expect(try test.post("/v1/pipes", #"{"capacity":67108865}"#).pointers == ["/capacity"])
    #expect(try test.post("/v1/pipes", #"{"capacity":67108864}"#).status == 201)
    #expect(try test.post("/v1/pipes", #"{"duplex":1,"size":2}"#).pointers == ["/duplex", "/size"])
  }

  @Test func bytesAndTypesComeBackAsTheyWere() throws {
    try make()
    for (body, type) in [("", nil), ("1e0", "application/json"), ("a\0b\r\n", "text/x; q=1"), ("", "image/png")] {
      #expect(try send(0, body, type).status == 204)
      let received = try test.post(end(1, "recv"))
      #expect(received.status == 200 && received.body == body)
      #expect(received.headers["content-type"] == type ?? "application/octet-stream")
      #expect(received.headers["procession-deliveries"] == nil)
    }
    #expect(try send(0, "{", "application/json").code == "JSONDecodeError")
    #expect(try send(0, "", "application/problem+json").code == "JSONDecodeError")
    #expect(try test.post(end(1, "poll")).body == #"{"ready":false}"#)
  }

  @Test func endsAre0And1() throws {
    try make()
    for end in ["2", "-1", "00", "x", "a"] {
      for verb in ["send", "recv", "poll", "open", "close"] {
        #expect(try test.post("/v1/pipes/p/ends/\(end)/\(verb)").status == 404)
      }
    }
    #expect(try test.post("/v1/pipes/q/ends/0/recv").status == 404)
  }

  @Test func whatPythonRaisesIsAProblemOfThatName() throws {
    try make(#"{"name":"p","duplex":false,"capacity":1}"#)
    #expect(try test.post(end(0, "recv", "?block=false")).code == "TimeoutError")
    #expect(try send(0, "x").code == "WrongEnd")
    #expect(try test.post(end(1, "recv")).code == "WrongEnd")
    #expect(try send(1, "abc").status == 204)
    let full = try send(1, "d", nil, "?timeout=0.01")
    #expect(full.status == 409 && full.code == "TimeoutError")
    let short = try test.post(end(0, "recv", "?max_length=2"))
    #expect(short.status == 409 && short.code == "BufferTooShort" && short.contains(#""length":3"#))
    #expect(try test.post(end(0, "recv", "?max_length=-1")).pointers == ["?max_length"])
    #expect(try test.post(end(0, "recv", "?max_length=3")).body == "abc")
    #expect(try test.post(end(1, "close")).status == 204)
    #expect(try test.post(end(1, "close")).status == 204)
    let over = try test.post(end(0, "recv"))
    #expect(over.status == 410 && over.code == "EOFError")
    #expect(try send(1, "x").code == "Closed")
    #expect(try test.post(end(0, "poll")).body == #"{"ready":true}"#)
    try make(#"{"name":"q"}"#)
    #expect(try test.post("/v1/pipes/q/ends/1/close").status == 204)
    let broken = try test.call(.post, "/v1/pipes/q/ends/0/send", "x")
    #expect(broken.status == 410 && broken.code == "BrokenPipeError")
  }

  @Test func pollWaitsOnlyWhenAskedTo() throws {
    try make()
    for query in ["", "?block=false", "?timeout=0", "?timeout=0.02", "?block=false&timeout=5"] {
      #expect(try test.post(end(0, "poll", query)).body == #"{"ready":false}"#)
    }
    let waiting = try test.answer(.post, end(0, "poll", "?block=true"))
    #expect(try test.get("/v1/pipes/p").contains(#""poll":1"#))
    #expect(try send(1, "x").status == 204)
    #expect(try test.result(waiting).body == #"{"ready":true}"#)
  }

  @Test func aMessageThatDidNotArriveIsTheNextAgain() throws {
    try make()
    _ = try send(0, "a")
    _ = try send(0, "b")
    guard case (.success(.now(let response)), _) = try test.answer(.post, end(1, "recv")) else {
      Issue.record("it waits")
      return
    }
    response.onUndelivered?()
    let again = try test.post(end(1, "recv"))
    #expect(again.body == "a" && again.headers["procession-deliveries"] == "1")
    #expect(try test.post(end(1, "recv")).body == "b")
  }

  @Test func aSessionHoldsAnEnd() throws {
    try make()
    let refused = try test.post(end(0, "open"))
    #expect(refused.status == 422 && refused.pointers == ["Procession-Session"])
    let a = try session(), b = try session()
    for headers in [a, b] { #expect(try test.call(.post, end(0, "open"), headers: headers).status == 204) }
    #expect(try test.get("/v1/pipes/p").contains(#""0":{"open":true,"holders":2"#))
    let name = try #require(a["procession-session"])
    let holders = try test.get("/v1/waiters?session=\(name)")
    #expect(holders.contains(#""kind":"pipe","name":"p","session":"\#(name)","count":1"#), "\(holders.body)")
    let stranger = try test.post(end(0, "close"))
    #expect(stranger.status == 409 && stranger.code == "NotOwner")
    #expect(try test.call(.post, end(0, "close"), headers: a).status == 204)
    #expect(try test.call(.delete, "/v1/sessions/\(b["procession-session"] ?? "")").status == 204)
    #expect(try test.call(.post, end(0, "open"), headers: a).code == "Closed")
    #expect(try test.post(end(1, "recv")).code == "EOFError")
  }

  @Test func onlyTheOperatorForcesAnEndShut() throws {
    try make()
    let headers = try session()
    #expect(try test.call(.post, end(0, "open"), headers: headers).status == 204)
    #expect(try test.post(end(0, "close", "?force=true"), as: .bearer(subject: "Process-1")).status == 403)
    #expect(try test.post(end(0, "close", "?force=true")).status == 204)
    #expect(try test.post(end(0, "recv")).code == "Closed")
  }

  @Test func anEndCanBeWaitedForWithOtherThings() throws {
    try make()
    let waiting = try test.answer(.post, "/v1/wait", #"{"any":[{"pipe":"p","end":0},{"pipe":"p","end":1}]}"#)
    _ = try send(0, "x")
    #expect(try test.result(waiting).body == #"{"ready":[{"pipe":"p","end":1}]}"#)
    #expect(try test.post("/v1/wait", #"{"any":[{"pipe":"p"}]}"#).pointers == ["/any/0/end"])
    #expect(try test.post("/v1/wait", #"{"any":[{"pipe":"p","end":2}]}"#).pointers == ["/any/0/end"])
  }

  @Test func closingIsAnEvent() throws {
    try make()
    _ = try test.post(end(1, "close"))
    _ = try test.post(end(1, "close"))
    guard case .done(.entries(let entries)) = try test.manager.log.next(after: 0, until: .now, orPark: { { _ in } })
    else { Issue.record("no events"); return }
    #expect(entries.map(\.type) == ["pipe.created", "pipe.closed"])
  }
}
