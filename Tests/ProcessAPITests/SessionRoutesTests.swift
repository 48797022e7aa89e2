import Testing

@testable import HTTP
@testable import ProcessCore

@Suite struct SessionRoutesTests {
  let api: APIUnderTest

  init() throws { api = try APIUnderTest() }

  private func named(_ session: String) -> [String: String] { ["procession-session": session] }

  @Test func aSessionIsMadeOfItsSettings() throws {
    let plain = try api.post("/v1/sessions")
    #expect(plain.status == 201 && plain.headers["location"] == "/v1/sessions/Session-1")
    #expect(plain.contains(#""waiters":0,"ttl":30.0,"process":null,"seconds_left":"#) && plain.contains(#""holds":0"#))
    let all = try api.post("/v1/sessions", #"{"name":"a","ttl":1.5,"labels":{"b":"c"}}"#)
    #expect(all.contains(#""labels":{"b":"c"}"#) && all.contains(#""ttl":1.5"#))
    #expect(try api.call(.put, "/v1/sessions/a", #"{"ttl":1.5,"labels":{"b":"c"}}"#).status == 200)
    #expect(try api.call(.put, "/v1/sessions/a", #"{"ttl":2}"#).code == "AlreadyExists")
    let wrong = try api.post("/v1/sessions", #"{"ttl":0.05,"process":"-","x":1}"#)
    #expect(wrong.status == 422 && wrong.pointers == ["/ttl", "/process", "/x"])
    #expect(try api.post("/v1/sessions", #"{"ttl":86401}"#).pointers == ["/ttl"])
    #expect(try api.post("/v1/sessions", #"{"process":"nobody"}"#).pointers == ["/process"])
    #expect(try api.post("/v1/sessions/a/touch").contains(#""seconds_left":1."#))
    #expect(try api.call(.delete, "/v1/sessions/a").status == 204)
    #expect(try api.post("/v1/sessions/a/touch").status == 404)
  }

  @Test func theHeaderNamesASessionThatIsThere() throws {
    _ = try api.post("/v1/locks", #"{"name":"l"}"#)
    for path in ["locks/l/acquire", "locks/l/release"] {
      #expect(try api.call(.post, "/v1/\(path)", headers: named("nobody")).code == "SessionEnded")
      #expect(try api.call(.post, "/v1/\(path)", headers: named("no name")).pointers == ["Procession-Session"])
    }
    _ = try api.post("/v1/events", #"{"name":"e"}"#)
    _ = try api.post("/v1/barriers", #"{"name":"b","parties":1}"#)
    // Also where nothing is owned: whoever calls for it learns that it is over.
    for path in [
      "events/e/set", "events/e/clear", "events/e/wait", "barriers/b/wait", "barriers/b/abort", "barriers/b/reset",
    ] {
      #expect(try api.call(.post, "/v1/\(path)", headers: named("nobody")).status == 410, "\(path)")
    }
    #expect(try api.get("/v1/events/e").contains(#""is_set":false"#))
  }

  @Test func aProcessUsesItsOwnSessionsAlone() throws {
    for name in ["a", "b"] { _ = try api.post("/v1/processes", #"{"name":"\#(name)","command":["/bin/sleep","60"]}"#) }
    func session(of process: String) throws -> String {
      try #require(api.manager.processes.find(process)?.snapshot.session).text
    }
    let own = try session(of: "a"), foreign = try session(of: "b")
    _ = try api.post("/v1/semaphores", #"{"name":"s","value":5}"#)
    let caller = Caller.bearer(subject: "a")
    func acquire(_ session: String?) throws -> APIUnderTest.Result {
      try api.call(.post, "/v1/semaphores/s/acquire", headers: session.map(named) ?? [:], as: caller)
    }
    #expect(try acquire(own).status == 200)
    #expect(try acquire(nil).status == 200, "on behalf of nobody")
    _ = try api.post("/v1/sessions", #"{"name":"free"}"#)
    for session in [foreign, "free"] {
      #expect(try acquire(session).status == 403)
      #expect(try api.post("/v1/sessions/\(session)/touch", as: caller).status == 403)
      #expect(try api.call(.delete, "/v1/sessions/\(session)", as: caller).status == 403)
    }
    // The operator speaks for everybody.
    #expect(try api.call(.post, "/v1/semaphores/s/acquire", headers: named(foreign)).status == 200)
    // What a process makes ends with it.
    #expect(try api.post("/v1/sessions", #"{"process":"b"}"#, as: caller).status == 403)
    let more = try api.post("/v1/sessions", #"{"name":"more","ttl":5}"#, as: caller)
    #expect(more.contains(#""process":"a""#) && more.contains(#""ttl":5.0"#))
    #expect(try acquire("more").status == 200)
    #expect(try api.call(.post, "/v1/semaphores/s/release?force=true", as: caller).status == 403)
    #expect(try api.get("/v1/semaphores/s").contains(#""value":1"#))
    _ = try api.post("/v1/processes/a/kill")
    _ = try api.post("/v1/processes/a/join")
    #expect(try api.get("/v1/sessions/more").status == 404 && api.get("/v1/sessions/\(own)").status == 404)
    #expect(try api.get("/v1/semaphores/s").contains(#""value":3"#), "but for what it had for nobody")
    #expect(try api.get("/v1/processes/a").contains(#""session":null"#))
  }

  @Test func aCallThatWaitsKeepsItAlive() throws {
    _ = try api.post("/v1/sessions", #"{"name":"s","ttl":0.1}"#)
    _ = try api.post("/v1/events", #"{"name":"e"}"#)
    let call = try api.answer(.post, "/v1/events/e/wait", headers: named("s"))
    #expect(!eventually(within: 0.4) { (try? api.get("/v1/sessions/s"))?.status == 404 })
    #expect(try api.get("/v1/sessions/s").contains(#""waiters":1"#))
    guard case .success(.parked(let reply)) = call.0 else { Issue.record("not parked"); return }
    #expect(reply.hangUp())
    #expect(eventually { (try? api.get("/v1/sessions/s"))?.status == 404 }, "its client has gone")
    #expect(try api.get("/v1/events/e").contains(#""waiters":0"#))
  }

  @Test func theStateAndTheListsHaveThemAll() throws {
    for (kind, document) in [
      ("sessions", "{}"), ("semaphores", "{}"), ("locks", "{}"), ("conditions", "{}"), ("events", "{}"),
      ("barriers", #"{"parties":2}"#),
    ] {
      let made = try api.post("/v1/\(kind)", document)
      #expect(made.status == 201, "\(kind)")
      // But for the seconds that a session has left.
      let head = made.body.prefix { $0 != "." }
      #expect(try api.get("/v1/state").contains("\"\(kind)\":[\(head)"), "\(kind)")
      #expect(try api.get("/v1/\(kind)").contains("{\"items\":[\(head)"), "\(kind)")
    }
  }
}
