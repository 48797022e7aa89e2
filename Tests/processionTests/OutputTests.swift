import Linux
import Testing

/// What a process writes, as its readers get it.
@Suite struct OutputTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func bothStreamsAreFollowedWhileTheProcessRuns() throws {
    let name = try client.shell("echo out; echo err >&2; sleep 1; exit 7")
    let out = try client.open("GET", "/v1/processes/\(name)/output?stream=stdout&follow=true")
    let err = try client.open("GET", "/v1/processes/\(name)/output?stream=stderr&follow=true")
    #expect(out.text(until: "\n") == "out\n")
    #expect(err.text(until: "\n") == "err\n")
    #expect(try client.process(name)["is_alive"] == .bool(true))
    #expect(out.next() == nil && out.isWhole)
    #expect(err.next() == nil && err.isWhole)
    let ended = try client.join(name)
    #expect(ended["exitcode"] == .number(7))
    #expect(ended["exit"]["code"] == .number(7))
    #expect(ended["exit"]["signal"] == .null)
  }

  @Test func bytesComeAsTheyWere() throws {
    let name = try client.start(["/usr/bin/printf", #"a\000b\377\r\n\001end"#])
    try client.join(name)
    let answer = try client.output(name)
    #expect(answer.body == [0x61, 0, 0x62, 0xFF, 0x0D, 0x0A, 1] + Array("end".utf8))
    #expect(answer["content-type"] == "application/octet-stream")
    #expect(answer["procession-complete"] == "true")
    #expect(answer["procession-next-offset"] == "10")
  }

  @Test func anOffsetIsAByteFromTheBeginningOrFromTheEnd() throws {
    let name = try client.shell("printf 0123456789")
    try client.join(name)
    #expect(try client.output(name, "offset=4").text == "456789")
    #expect(try client.output(name, "offset=4")["procession-offset"] == "4")
    #expect(try client.output(name, "offset=-3").text == "789")
    #expect(try client.output(name, "offset=-3")["procession-offset"] == "7")
    #expect(try client.output(name, "offset=-300").text == "0123456789")
    #expect(try client.output(name, "offset=10").text == "")
    #expect(try client.output(name, "offset=1000").text == "")
    #expect(try client.output(name, "offset=x").pointers == ["?offset"])
    #expect(try client.output(name, "stream=stdin").pointers == ["?stream"])
  }

  @Test func stdoutMayBeNullAndStderrMayGoIntoStdout() throws {
    let silent = try client.shell("echo lost; echo kept >&2", #""stdout":"null""#)
    try client.join(silent)
    #expect(try client.output(silent).text == "")
    #expect(try client.output(silent, "stream=stderr").text == "kept\n")
    let one = try client.shell("echo a; echo b >&2; echo c", #""stderr":"stdout""#)
    try client.join(one)
    #expect(try client.output(one).text == "a\nb\nc\n")
    #expect(try client.output(one, "stream=stderr").text == "")
  }

  @Test func bothStreamsTogetherKeepTheOrderInWhichTheyCame() throws {
    let name = try client.shell("echo a; sleep 0.2; echo b >&2; sleep 0.2; echo c")
    try client.join(name)
    #expect(try client.output(name, "stream=both").text == "a\nb\nc\n")
    #expect(try client.output(name, "stream=both&offset=2").text == "b\nc\n")
  }

  @Test func eventsTellStreamTextAndOffset() throws {
    let name = try client.shell(#"printf 'h\303\251'; sleep 0.2; printf '\377\000' >&2"#)
    let path = "/v1/processes/\(name)/output?stream=both"
    let events = try client.open("GET", path, ["Accept": "text/event-stream"]).events(until: "end")
    try #require(events.map(\.type) == ["output", "output", "end"])
    #expect(events[0].data == Value(#"{"stream":"stdout","offset":0,"text":"hé"}"#))
    #expect(events[0].id == "3")
    #expect(events[1].data == Value(#"{"stream":"stderr","offset":3,"base64":"/wA="}"#))
    #expect(events[2].data["offset"] == .number(5))

    let resumed = try client.open("GET", path, ["Accept": "text/event-stream", "Last-Event-ID": "3"])
    #expect(resumed.events(until: "end").map(\.id) == ["5", "5"])
  }

  @Test func aGrandchildThatHoldsThePipeHoldsUpNobody() throws {
    let name = try client.shell("sleep 60 & echo $!")
    let follower = try client.open("GET", "/v1/processes/\(name)/output?follow=true", seconds: 20)
    #expect(try client.join(name)["exitcode"] == .number(0))
    let text = String(decoding: follower.rest(seconds: 20), as: UTF8.self)
    #expect(follower.isWhole)
    // It was there all the time, and is a descendant to be stopped.
    let grandchild = Int(text.dropLast())
    #expect(isAlive(grandchild))
    let report = try client.post("/v1/processes/\(name)/stop")
    #expect(report.status == 200)
    #expect(!isAlive(grandchild))
  }

  @Test func aHeadHasTheHeadersAndNoBody() throws {
    let name = try client.shell("printf 12345")
    try client.join(name)
    let head = try client.request("HEAD", "/v1/processes/\(name)/output")
    #expect(head.status == 200 && head.body.isEmpty)
    #expect(head["content-length"] == "5")
    #expect(try client.request("HEAD", "/v1/processes/none").status == 404)
  }

  @Test func followersOfADeletedProcessEnd() throws {
    let name = try client.shell("exit 0")
    try client.join(name)
    #expect(try client.delete("/v1/processes/\(name)").status == 204)
    #expect(try client.output(name).status == 404)
  }
}
