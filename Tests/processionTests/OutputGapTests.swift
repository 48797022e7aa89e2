import Testing

/// What becomes of output that the daemon could not keep.
@Suite struct OutputGapTests {
  let daemon: DaemonUnderTest
  let client: Client
  let name: String

  init() throws {
    daemon = try DaemonUnderTest(["--output-buffer=1000"])
    client = daemon.client
    name = try client.start(["/usr/bin/seq", "-w", "0", "999"])  // 4,000 bytes
    try client.join(name)
  }

  @Test func aHeaderTellsOfIt() throws {
    let answer = try client.output(name, "offset=100")
    #expect(answer["procession-gap"] == "100-2999")
    #expect(answer["procession-offset"] == "3000")
    #expect(answer.text.hasPrefix("750\n") && answer.text.hasSuffix("999\n"))
    #expect(answer.body.count == 1000)
    #expect(try client.output(name, "offset=3000")["procession-gap"] == nil)
    let followed = try client.open("GET", "/v1/processes/\(name)/output?offset=100&follow=true")
    #expect(followed.headers["procession-gap"] == "100-2999")
    #expect(followed.rest().count == 1000)
  }

  @Test func anEventTellsOfIt() throws {
    let path = "/v1/processes/\(name)/output?offset=100"
    let events = try client.open("GET", path, ["Accept": "text/event-stream"]).events(until: "end")
    #expect(events.first?.type == "gap")
    #expect(events.first?.data == Value(#"{"from":100,"through":2999}"#))
    #expect(events.compactMap { $0.data["text"].text }.joined().utf8.count == 1000)
  }

  @Test func theRepresentationTellsWhatIsKept() throws {
    #expect(try client.process(name)["output"]["stdout"] == Value(#"{"start":3000,"end":4000,"is_open":false}"#))
  }

  /// A reader who does not read holds up neither the process nor anybody else.
  @Test func aSlowReaderLosesAndTheProcessGoesOn() throws {
    let script = "echo start; read go; seq 1 2000000; echo done >&2"
    let writer = try client.shell(script, #""stdin":"pipe""#)
    let reader = try client.open("GET", "/v1/processes/\(writer)/output?follow=true")
    #expect(reader.text(until: "start\n") == "start\n")
    _ = try client.request("POST", "/v1/processes/\(writer)/stdin", [:], Array("\n".utf8))
    #expect(try client.join(writer)["exitcode"] == .number(0))
    let end = try client.process(writer)["output"]["stdout"]["end"].int ?? 0
    #expect(end > 10_000_000)
    let read = reader.rest(seconds: 20).count
    #expect(read < end && !reader.isWhole)
  }
}
