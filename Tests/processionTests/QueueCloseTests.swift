import Testing

/// S15: a queue that every process may put into and get from.
/// S19: close().
@Suite("S19: close") struct QueueCloseTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func whatIsInCanBeHadAndThenItIsOver() throws {
    try client.queue("q", #""maxsize":2"#)
    for text in ["a", "b"] { _ = try client.putMessage("q", text) }
    let parkedPut = try client.send("POST", "/v1/queues/q/put", [:], Array("c".utf8))
    let isParked = try client.waiters("q", reach: 1)
    #expect(isParked)
    for _ in 0..<2 { #expect(try client.post("/v1/queues/q/close").status == 204) }
    #expect(Stream(parkedPut, isHead: false, seconds: 30)?.status == 410)
    #expect(try client.putMessage("q", "d").code == "Closed")
    #expect(try client.drain("q") == ["a", "b"])
    let over = try client.getMessage("q", "")
    #expect(over.status == 410 && over.code == "Closed")
    #expect(try client.queueState("q")["closed"] == .bool(true))
  }

  @Test func whoWaitsIsTold() throws {
    try client.queue("q")
    let waiting = try ["get", "get?max=9", "reserve"].map { try client.waitForMessage("q", verb: $0) }
    let areParked = try client.waiters("q", reach: 3)
    #expect(areParked)
    _ = try client.post("/v1/queues/q/close")
    for connection in waiting { #expect(Stream(connection, isHead: false, seconds: 30)?.status == 410) }
  }

  @Test func whoWaitsOnADeletedOneIsToldToo() throws {
    try client.queue("q", #""maxsize":1,"joinable":true"#)
    _ = try client.putMessage("q", "a")
    let waiting = [
      try client.send("POST", "/v1/queues/q/put", [:], Array("c".utf8)),
      try client.send("POST", "/v1/queues/q/join"),
    ]
    let areParked = try client.waiters("q", reach: 2)
    #expect(areParked)
    #expect(try client.delete("/v1/queues/q").status == 204)
    for connection in waiting { #expect(Stream(connection, isHead: false, seconds: 30)?.status == 410) }
    #expect(try client.getMessage("q").status == 404)
  }

  @Test func joinWaitsForTheLastTask() throws {
    try client.queue("q", #""joinable":true"#)
    for text in ["a", "b"] { _ = try client.putMessage("q", text) }
    let joining = try client.send("POST", "/v1/queues/q/join")
    let isParked = try client.waiters("q", reach: 1)
    #expect(isParked)
    #expect(try client.post("/v1/queues/q/join?timeout=0.05").json["unfinished"] == .number(2))
    _ = try client.getMessage("q")
    #expect(try client.post("/v1/queues/q/task_done").status == 204)
    let receipt = try #require(try client.post("/v1/queues/q/reserve").json["receipt"].text)
    #expect(try client.post("/v1/queues/q/ack", #"{"receipt":"\#(receipt)"}"#).status == 204)
    let answer = try #require(Stream(joining, isHead: false, seconds: 30))
    #expect(Value(answer.rest())["unfinished"] == .number(0))
    #expect(try client.post("/v1/queues/q/task_done").code == "OverRelease")
  }
}

/// S20: messages of many types.
@Suite("S20: messages of many types") struct MessageTypeTests {
  @Test func everythingComesBackAsItWas() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    try client.queue("q")
    let everyByte = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let messages: [(type: String, body: [UInt8])] = [
      ("application/json", Array(#""text""#.utf8)), ("application/json", Array("3.0e0".utf8)),
      ("application/json", Array("[1, [2, {\"a\": null}], true, 123456789012345678901234567890]".utf8)),
      ("application/json", Array("{\"b\":1, \"a\":\"\\u0000 ünïcode\", \"b\":2}".utf8)),
      ("application/problem+json", Array("{}".utf8)), ("text/plain; charset=latin-1", [0xE4, 0xF6, 0x0D, 0x0A]),
      ("application/octet-stream", everyByte), ("application/python-pickle", [0x80, 0x04, 0x4E, 0x2E]),
      ("image/png", []),
    ]
    for (type, body) in messages {
      #expect(try client.request("POST", "/v1/queues/q/put", ["Content-Type": type], body).status == 204, "\(type)")
    }
    for (type, body) in messages {
      let answer = try client.getMessage("q")
      #expect(answer.status == 200 && answer.body == body && answer["content-type"] == type)
    }
    // In chunks, without a type.
    let chunks = "POST /v1/queues/q/put HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    let answer = try client.raw(chunks + "Connection: close\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
    #expect(answer.hasPrefix("HTTP/1.1 204"))
    let back = try client.getMessage("q")
    #expect(back.text == "abcdefg" && back["content-type"] == "application/octet-stream")
  }

  @Test func whatSaysThatItIsJSONIs() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    try client.queue("q")
    for text in ["", "{", "[1,]", "nul", "'a'", "\u{FEFF}1", "1 2"] {
      for type in ["application/json", "application/x+json; a=b"] {
        let answer = try client.putMessage("q", text, type: type)
        #expect(answer.status == 400 && answer.code == "JSONDecodeError", "\(text)")
      }
    }
    #expect(try client.queueState("q")["qsize"] == .number(0))
  }
}
