import HTTP
import Linux
import ProcessCore
import Testing

/// Processes whose descriptors are bound to queues and pipes, as documents have it.
@Suite struct BindingRoutesTests {
  let test: APIUnderTest

  init() throws {
    test = try APIUnderTest()
    #expect(try test.post("/v1/queues", #"{"name":"q"}"#).status == 201)
    #expect(try test.post("/v1/pipes", #"{"name":"p"}"#).status == 201)
  }

  @Test func theRepresentationShowsWhatIsBound() throws {
    let made = try test.post(
      "/v1/processes",
      #"""
      {"name": "x", "command": ["/bin/cat"], "stdin": {"queue": "q"}, "stdout": {"pipe": "p", "end": 0},
       "stderr": {"queue": "q", "framing": "raw"}, "fds": {"7": {"pipe": "p", "end": 1, "framing": "lines"}}}
      """#)
    #expect(made.status == 201)
    for text in [
      #""stdin":{"queue":"q","framing":"lines"}"#, #""stdout":{"pipe":"p","end":0,"framing":"raw"}"#,
      #""stderr":{"queue":"q","framing":"raw"}"#, #""fds":{"7":{"pipe":"p","end":1,"framing":"lines"}}"#,
      #""stdout":{"start":0,"end":0,"is_open":false}"#,
    ] { #expect(made.contains(text), "\(text): \(made.body)") }
    // Its own stdin verb has nothing to write to.
    #expect(try test.call(.post, "/v1/processes/x/stdin", "y").code == "BrokenPipeError")
    #expect(try test.get("/v1/pipes/p").contains(#""1":{"open":true,"holders":2"#))
    #expect(try test.post("/v1/queues/q/close").status == 204)
    #expect(try test.post("/v1/processes/x/join").contains(#""exitcode":0"#))
    #expect(try test.get("/v1/processes/x").contains(#""fds":{"7":"#))
  }

  @Test func withoutAnyThereAreNone() throws {
    #expect(try test.post("/v1/processes", #"{"command":["/bin/true"]}"#).contains(#""fds":{}"#))
  }

  @Test func aClassGivesWhatItsProcessesAreBoundTo() throws {
    let made = try test.post(
      "/v1/classes",
      #"{"name":"C","command":["/bin/true"],"stdin":{"queue":"q"},"fds":{"3":{"pipe":"p","end":0},"4":{"pipe":"p","end":0}}}"#
    )
    #expect(made.status == 201 && made.contains(#""stdin":{"queue":"q","framing":"lines"}"#))
    #expect(made.contains(#""stdout":null"#))
    let heir = try test.post(
      "/v1/processes", #"{"class":"C","start":false,"stdin":"null","fds":{"4":{"pipe":"p","end":1}}}"#)
    #expect(heir.contains(#""stdin":"null""#))
    let ends = #"{"3":{"pipe":"p","end":0,"framing":"raw"},"4":{"pipe":"p","end":1,"framing":"raw"}}"#
    #expect(heir.contains(#""fds":\#(ends)"#), "\(heir.body)")
    #expect(try test.post("/v1/classes", #"{"name":"D","command":["x"]}"#).contains(#""fds":null"#))
  }

  @Test func namesAreLookedUpWhenItStarts() throws {
    let made = try test.post(
      "/v1/processes", #"{"name":"x","command":["/bin/true"],"stdin":{"queue":"r"},"start":false}"#)
    #expect(made.status == 201)
    let refused = try test.post("/v1/processes/x/start")
    #expect(refused.status == 422 && refused.pointers == ["/stdin/queue"])
    #expect(try test.post("/v1/queues", #"{"name":"r"}"#).status == 201)
    #expect(try test.post("/v1/processes/x/start").status == 200)
    #expect(try test.post("/v1/queues/r/close").status == 204)
    #expect(try test.post("/v1/processes/x/join").contains(#""exitcode":0"#))
  }

  @Test func anEndThatIsClosedIsGone() throws {
    #expect(try test.post("/v1/pipes/p/ends/0/close").status == 204)
    let refused = try test.post("/v1/processes", #"{"command":["/bin/true"],"stdin":{"pipe":"p","end":0}}"#)
    #expect(refused.status == 410 && refused.code == "Closed")
    #expect(try test.get("/v1/processes").contains(#""items":[]"#))
  }
}
