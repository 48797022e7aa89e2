import HTTP
import Testing

@testable import ProcessCore

@Suite struct StreamRoutesTests {
  private func ended(_ api: APIUnderTest, _ script: String) throws {
    _ = try api.post("/v1/processes", "{\"command\":[\"/bin/sh\",\"-c\",\"\(script)\"]}")
    _ = try api.post("/v1/processes/Process-1/join")
  }

  @Test func outputIsReadFromAnyOffset() throws {
    let api = try APIUnderTest()
    try ended(api, "printf 0123456789")
    let whole = try api.get("/v1/processes/Process-1/output")
    #expect(whole.body == "0123456789" && whole.headers["procession-next-offset"] == "10")
    #expect(whole.headers["content-type"] == "application/octet-stream")
    // As a generated client asks, which names all that may come.
    let all = ["accept": "application/octet-stream, text/event-stream, application/problem+json"]
    #expect(try api.call(.get, "/v1/processes/Process-1/output", headers: all).body == "0123456789")
    #expect(try api.get("/v1/processes/Process-1/output?offset=7").body == "789")
    #expect(try api.get("/v1/processes/Process-1/output?offset=-3").body == "789")
    #expect(try api.get("/v1/processes/Process-1/output?offset=10&follow=true").body == "")
    #expect(try api.get("/v1/processes/Process-1/output?follow=true&offset=5").body == "56789")
  }

  @Test func whatFellOutIsReported() throws {
    var options = ProcessOptions()
    options.outputCapacity = 10
    let api = try APIUnderTest(options)
    try ended(api, "printf 0123456789abcdef")
    let raw = try api.get("/v1/processes/Process-1/output")
    #expect(raw.body == "6789abcdef" && raw.headers["procession-gap"] == "0-5")
    #expect(raw.headers["procession-offset"] == "6" && raw.headers["procession-next-offset"] == "16")
    let events = try api.call(.get, "/v1/processes/Process-1/output", headers: ["accept": "text/event-stream"])
    #expect(events.contains("event: gap\ndata: {\"from\":0,\"through\":5}"))
    #expect(events.contains(#"data: {"stream":"stdout","offset":6,"text":"6789abcdef"}"#))
    #expect(events.body.hasSuffix("id: 16\nevent: end\ndata: {\"offset\":16}\n\n"))
  }

  @Test func aClientThatReconnectsGoesOn() throws {
    let api = try APIUnderTest()
    try ended(api, "printf 0123456789")
    let resumed = try api.call(
      .get, "/v1/processes/Process-1/output", headers: ["accept": "text/event-stream", "last-event-id": "4"])
    #expect(resumed.contains(#""offset":4,"text":"456789""#))
    #expect(
      try api.call(
        .get, "/v1/processes/Process-1/output", headers: ["accept": "text/event-stream", "last-event-id": "x"]
      ).status == 422)
  }

  @Test func bytesThatAreNoTextAreInBase64() throws {
    let api = try APIUnderTest()
    try ended(api, #"printf '\\377\\376\\000'"#)
    let events = try api.call(.get, "/v1/processes/Process-1/output", headers: ["accept": "text/event-stream"])
    #expect(events.contains(#""base64":"//4A""#), "\(events.body)")
  }

  @Test func theLifeOfAProcessIsTold() throws {
    let api = try APIUnderTest()
    try ended(api, "exit 3")
    _ = try api.call(.delete, "/v1/processes/Process-1")
    let watched = try api.get("/v1/watch?after=0")
    let types = watched.body.split(separator: "\n").filter { $0.hasPrefix("event: ") }.map { $0.dropFirst(7) }
    #expect(types == ["process.created", "process.started", "process.exited", "process.deleted"])
    #expect(watched.contains(#""reason":"exited","exitcode":3"#))
    #expect(try api.get("/v1/watch?after=2").body.split(separator: "event: ").count == 3)
    let resumed = try api.call(.get, "/v1/watch", headers: ["last-event-id": "3"])
    #expect(resumed.body.split(separator: "event: ").count == 2)
  }

  @Test func eventsThatWereDroppedAreAGap() throws {
    let api = try APIUnderTest(maxEvents: 2)
    try ended(api, "exit 0")
    let watched = try api.get("/v1/watch?after=0")
    #expect(watched.body.hasPrefix("id: 1\nevent: gap\ndata: {\"from\":1,\"through\":1}\n\n"))
  }

  @Test func stdinIsWrittenAndClosed() throws {
    let api = try APIUnderTest()
    _ = try api.post("/v1/processes", #"{"command":["/bin/cat"],"stdin":"pipe"}"#)
    let written = try api.post("/v1/processes/Process-1/stdin", "hello")
    #expect(written.body == #"{"written":5,"complete":true}"#)
    #expect(try api.post("/v1/processes/Process-1/stdin?close=true", " world").contains(#""complete":true"#))
    #expect(try api.post("/v1/processes/Process-1/stdin", "x").code == "BrokenPipeError")
    _ = try api.post("/v1/processes/Process-1/join")
    #expect(try api.get("/v1/processes/Process-1/output").body == "hello world")
  }

  @Test func theStateIsCompleteAndMetricsAreText() throws {
    let api = try APIUnderTest()
    try ended(api, "exit 0")
    _ = try api.post("/v1/classes", #"{"name":"A","command":["true"]}"#)
    let state = try api.get("/v1/state")
    for part in [
      #""last_event_id":4"#, #""name":"Process-1""#, #""name":"A""#, #""joiners":0"#, #""is_draining":false"#,
    ] {
      #expect(state.contains(part), "\(part) in \(state.body)")
    }
    let metrics = try api.get("/metrics")
    #expect(metrics.contains("procession_processes{state=\"exited\"} 1\n"))
    #expect(metrics.contains("# TYPE process_open_fds gauge\n"))
  }

  @Test func aStopReportsTheTree() throws {
    let api = try APIUnderTest()
    _ = try api.post("/v1/processes", #"{"command":["/bin/sleep","100"]}"#)
    let report = try api.post("/v1/processes/Process-1/stop", #"{"grace":5}"#)
    #expect(report.status == 200 && report.contains(#""state":"stopped""#) && report.contains(#""survivors":[]"#))
    #expect(try api.post("/v1/processes/Process-1/stop").status == 200, "what has ended can be stopped again")
  }
}
