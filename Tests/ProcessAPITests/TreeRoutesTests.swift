import HTTP
import Testing

@Suite struct TreeRoutesTests {
  let api: APIUnderTest

  init() throws {
    api = try APIUnderTest()
    #expect(try api.post("/v1/processes", #"{"name":"mine","command":["/bin/sleep","100"]}"#).status == 201)
  }

  @Test func theTreeIsListed() throws {
    #expect(
      eventually { (try? api.get("/v1/processes/mine/tree"))?.contains(#""command":["/bin/sleep","100"]"#) == true })
    let tree = try api.get("/v1/processes/mine/tree")
    for member in ["pid", "ppid", "pgid", "sid", "start_time", "state", "cpu_seconds", "rss"] {
      #expect(tree.contains("\"\(member)\":"), "\(tree.body)")
    }
    #expect(try api.get("/v1/processes/none/tree").status == 404)
  }

  @Test func itIsPausedAndResumed() throws {
    let paused = try api.post("/v1/processes/mine/pause")
    #expect(paused.status == 200 && paused.contains(#""running":[]"#))
    #expect(try api.get("/v1/processes/mine/tree").contains(#""state":"stopped""#))
    #expect(try api.post("/v1/processes/mine/resume").body.hasPrefix(#"{"resumed":["#))
    #expect(try api.post("/v1/processes/mine/resume").body == #"{"resumed":[]}"#)
  }

  @Test func killAnswersWhenAllAreGone() throws {
    let killed = try api.post("/v1/processes/mine/kill")
    #expect(killed.contains(#""exitcode":-9"#) && killed.contains(#""survivors":[]"#))
    #expect(!killed.contains(#""killed":[]"#))
  }

  @Test func aProcessMayActOnItselfAlone() throws {
    for verb in ["pause", "resume", "resize"] {
      let json = verb == "resize" ? #"{"rows":1,"cols":1}"# : nil
      #expect(try api.post("/v1/processes/mine/\(verb)", json, as: .bearer(subject: "other")).status == 403)
    }
    #expect(try api.get("/v1/processes/mine/tree", as: .bearer(subject: "other")).status == 200)
  }

  @Test func aTerminalIsResized() throws {
    let made = try api.post(
      "/v1/processes", #"{"name":"screen","command":["/bin/sleep","100"],"tty":{"rows":24,"cols":80}}"#)
    #expect(made.contains(#""tty":{"rows":24,"cols":80}"#) && made.contains(#""stdin":"pipe""#))
    #expect(made.contains(#""stderr":"stdout""#))
    let resized = try api.post("/v1/processes/screen/resize", #"{"rows":30,"cols":100}"#)
    #expect(resized.status == 200 && resized.contains(#""tty":{"rows":30,"cols":100}"#))
    #expect(try api.get("/v1/processes/screen").contains(#""tty":{"rows":30,"cols":100}"#))
    #expect(try api.post("/v1/processes/screen/resize", #"{"rows":0}"#).pointers == ["/rows", "/cols"])
    #expect(try api.post("/v1/processes/mine/resize", #"{"rows":1,"cols":1}"#).code == "NoTerminal")
    #expect(try api.post("/v1/processes/screen/stdin?close=true").pointers == ["?close"])
  }
}
