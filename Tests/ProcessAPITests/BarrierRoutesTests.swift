import Testing

@testable import HTTP

@Suite struct BarrierRoutesTests {
  let api: APIUnderTest
  private let b = "/v1/barriers/b"

  init() throws { api = try APIUnderTest() }

  @Test func aBarrierIsMadeOfItsSettings() throws {
    let made = try api.post("/v1/barriers", #"{"parties":2,"timeout":1.5,"action":true}"#)
    #expect(made.contains(#""parties":2,"timeout":1.5,"action":true,"n_waiting":0,"broken":false"#))
    #expect(try api.post("/v1/barriers", "{}").pointers == ["/parties"])
    for parties in [0, -1] {
      let wrong = try api.post("/v1/barriers", #"{"parties":\#(parties)}"#)
      #expect(wrong.status == 422 && wrong.contains("parties must be > 0"))
    }
    #expect(try api.post("/v1/barriers", #"{"parties":1,"timeout":-1,"x":1}"#).pointers == ["/timeout", "/x"])
    #expect(try api.call(.put, b, #"{"parties":3}"#).status == 201)
    #expect(try api.call(.put, b, #"{"parties":3}"#).status == 200)
    #expect(try api.call(.put, b, #"{"parties":3,"action":true}"#).code == "AlreadyExists")
  }

  @Test func waitAnswersAsPython() throws {
    _ = try api.call(.put, b, #"{"parties":3}"#)
    let waiting = try (0..<2).map { _ in try api.answer(.post, b + "/wait") }
    #expect(try api.get(b).contains(#""n_waiting":2"#))
    #expect(try api.post(b + "/wait").body == #"{"index":2}"#)
    #expect(try waiting.map { try api.result($0).body } == [#"{"index":0}"#, #"{"index":1}"#])
    let patient = try api.answer(.post, b + "/wait")
    let late = try api.post(b + "/wait?timeout=0.01")
    #expect(late.status == 409 && late.code == "BrokenBarrierError")
    #expect(try api.result(patient).code == "BrokenBarrierError")
    #expect(try api.post(b + "/wait").code == "BrokenBarrierError" && api.get(b).contains(#""broken":true"#))
    #expect(try api.post(b + "/reset").status == 204)
    let broken = try api.answer(.post, b + "/wait")
    #expect(try api.post(b + "/abort").status == 204)
    #expect(try api.result(broken).code == "BrokenBarrierError")
  }

  @Test func aHangUpBreaksNothing() throws {
    _ = try api.call(.put, b, #"{"parties":2}"#)
    guard case .success(.parked(let reply)) = try api.answer(.post, b + "/wait").0 else {
      Issue.record("not parked"); return
    }
    #expect(reply.hangUp())
    #expect(try api.get(b).contains(#""n_waiting":0,"broken":false"#))
    let first = try api.answer(.post, b + "/wait")
    #expect(try api.post(b + "/wait").body == #"{"index":1}"#)
    #expect(try api.result(first).body == #"{"index":0}"#)
  }

  @Test func theLeaderActsBeforeTheOthersGoOn() throws {
    _ = try api.call(.put, b, #"{"parties":2,"action":true}"#)
    for name in ["x", "y"] { _ = try api.post("/v1/sessions", #"{"name":"\#(name)"}"#) }
    func post(_ verb: String, _ session: String) throws -> APIUnderTest.Result {
      try api.call(.post, "\(b)/\(verb)", headers: ["procession-session": session])
    }
    #expect(try api.post(b + "/wait").pointers == ["Procession-Session"])
    #expect(try api.post(b + "/release").pointers == ["Procession-Session"])
    #expect(try post("release", "x").code == "OverRelease")
    let waiting = try api.answer(.post, b + "/wait", headers: ["procession-session": "x"])
    #expect(try post("wait", "y").body == #"{"index":1,"leader":true}"#)
    #expect(try post("release", "x").code == "NotOwner")
    #expect(try api.get("/v1/waiters").contains(#""holders":[{"kind":"barrier","name":"b","session":"y","count":1"#))
    #expect(try post("release", "y").status == 204)
    #expect(try api.result(waiting).body == #"{"index":0,"leader":false}"#)
  }
}
