import Testing

@testable import HTTP

@Suite struct ConditionRoutesTests {
  let api: APIUnderTest
  private let c = "/v1/conditions/c"

  init() throws {
    api = try APIUnderTest()
    for name in ["a", "b"] { _ = try api.post("/v1/sessions", #"{"name":"\#(name)"}"#) }
    _ = try api.call(.put, c)
  }

  private func post(_ verb: String, _ session: String?, _ json: String? = nil) throws -> APIUnderTest.Result {
    try api.call(.post, "\(c)/\(verb)", json, headers: session.map { ["procession-session": $0] } ?? [:])
  }

  @Test func aConditionIsMadeOfItsLock() throws {
    #expect(try api.get(c).contains(#""lock":"c.lock""#))
    #expect(try api.get("/v1/locks/c.lock").contains(#""reentrant":true"#))
    let refused = try api.call(.delete, "/v1/locks/c.lock")
    #expect(refused.code == "InUse" && refused.contains("the condition 'c' uses the lock 'c.lock'"))
    #expect(try api.call(.put, c, #"{"lock":null}"#).status == 200)
    #expect(try api.call(.put, c, #"{"lock":"c.lock"}"#).code == "AlreadyExists")
    let shared = try api.post("/v1/conditions", #"{"lock":"c.lock"}"#)
    #expect(shared.headers["location"] == "/v1/conditions/Condition-1" && shared.contains(#""lock":"c.lock""#))
    #expect(try api.call(.delete, c).code == "InUse")
    #expect(try api.call(.delete, "/v1/conditions/Condition-1").status == 204)
    #expect(try api.call(.delete, c).status == 204)
    #expect(try api.get("/v1/locks/c.lock").status == 404)
    #expect(try api.post("/v1/conditions", #"{"lock":"none","x":1}"#).pointers == ["/x"])
    #expect(try api.post("/v1/conditions", #"{"lock":"none"}"#).pointers == ["/lock"])
  }

  @Test func waitAndNotify() throws {
    for verb in ["wait", "notify", "notify_all"] {
      #expect(try post(verb, nil).pointers == ["Procession-Session"], "\(verb)")
      #expect(try post(verb, "a").code == "NotOwner", "\(verb)")
    }
    #expect(try post("acquire", "a").contains(#""acquired":true"#))
    #expect(try post("acquire", "a").contains(#""acquired":true"#))
    let waiting = try api.answer(.post, c + "/wait", headers: ["procession-session": "a"])
    #expect(try api.get(c).contains(#""waiters":1"#) && api.get("/v1/locks/c.lock").contains(#""locked":false"#))
    _ = try post("acquire", "b")
    #expect(try post("notify", "b", #"{"n":-1}"#).status == 204)
    #expect(try post("notify", "b", #"{"n":"1"}"#).pointers == ["/n"])
    #expect(try post("notify", "b", #"{"n":2}"#).status == 204)
    #expect(try api.get(c).contains(#""waiters":0"#), "it waits for the lock now")
    #expect(try post("release", "b").status == 204)
    #expect(try api.result(waiting).body == #"{"notified":true,"token":3,"abandoned":false}"#)
    #expect(try api.get("/v1/locks/c.lock").contains(#""depth":2,"owner":"a""#))
    #expect(try post("wait?timeout=0.01", "a").body == #"{"notified":false,"token":4,"abandoned":false}"#)
    #expect(try post("wait?block=false", "a").contains(#""notified":false"#))
  }

  @Test func aHangUpLeavesTheLockFree() throws {
    _ = try post("acquire", "a")
    let waiting = try api.answer(.post, c + "/wait", headers: ["procession-session": "a"])
    guard case .success(.parked(let reply)) = waiting.0 else { Issue.record("not parked"); return }
    #expect(reply.hangUp())
    #expect(try api.get("/v1/locks/c.lock").contains(#""locked":false"#) && api.get(c).contains(#""waiters":0"#))
  }

  @Test func aDeletionAnswersThoseWhoWait() throws {
    _ = try post("acquire", "a")
    let waiting = try api.answer(.post, c + "/wait", headers: ["procession-session": "a"])
    #expect(try api.call(.delete, c).status == 204)
    #expect(try api.result(waiting).code == "Closed")
  }
}
