import Linux
import Testing

extension Client {
  /// Makes a pipe and returns the path of its ends.
  func pipe(_ name: String, _ settings: String = "{}", at location: SourceLocation = #_sourceLocation) throws -> String
  {
    let answer = try put("/v1/pipes/\(name)", settings)
    try #require(answer.status == 201, "\(answer.text)", sourceLocation: location)
    return "/v1/pipes/\(name)/ends/"
  }

  func send(_ text: String, to end: String, _ type: String? = nil, _ query: String = "") throws -> Answer {
    try request("POST", end + "/send" + query, type.map { ["Content-Type": $0] } ?? [:], Array(text.utf8))
  }

  func receive(from end: String, _ query: String = "") throws -> Answer { try post(end + "/recv" + query) }

  /// How many calls wait on a pipe.
  func waiters(on pipe: String) throws -> Int? { try get("/v1/pipes/\(pipe)").json["waiters"].int }
}

@Suite("S11: Pipe(duplex=True): two ends, both ways") struct DuplexPipeTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func bothEndsSendAndReceive() throws {
    let ends = try client.pipe("p")
    #expect(try client.get("/v1/pipes/p").json["duplex"] == .bool(true))
    #expect(try client.send("ping", to: ends + "0").status == 204)
    #expect(try client.receive(from: ends + "1").text == "ping")
    #expect(try client.send("pong", to: ends + "1").status == 204)
    #expect(try client.receive(from: ends + "0").text == "pong")
  }

  @Test func eachDirectionIsFullForItself() throws {
    let ends = try client.pipe("p", #"{"capacity":1}"#)
    #expect(try client.send("x", to: ends + "0").status == 204)
    #expect(try client.send("x", to: ends + "0", nil, "?block=false").code == "TimeoutError")
    #expect(try client.send("y", to: ends + "1", nil, "?block=false").status == 204)
    let waiting = try client.send("POST", ends + "0/send", [:], Array("z".utf8))
    #expect(try eventually { try client.waiters(on: "p") == 1 })
    #expect(try client.receive(from: ends + "1").text == "x")
    #expect(try #require(Stream(waiting, isHead: false, seconds: 10)).status == 204)
    #expect(try client.receive(from: ends + "1").text == "z")
  }
}

@Suite("S12: Pipe(False): the first end receives only, the second sends only") struct SimplexPipeTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func theWrongWayIsRefused() throws {
    let ends = try client.pipe("p", #"{"duplex":false}"#)
    #expect(try client.send("x", to: ends + "1").status == 204)
    #expect(try client.receive(from: ends + "0").text == "x")
    for answer in [
      try client.send("x", to: ends + "0"), try client.receive(from: ends + "1"), try client.post(ends + "1/poll"),
    ] { #expect(answer.status == 409 && answer.code == "WrongEnd") }
  }
}

@Suite("S13: recv(): one message a time, blocks while empty") struct PipeReceiveTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func itBlocksUntilAMessageComesAndGivesOne() throws {
    let ends = try client.pipe("p")
    let waiting = try client.send("POST", ends + "0/recv")
    #expect(try eventually { try client.waiters(on: "p") == 1 })
    let waiters = try client.get("/v1/waiters").json["waiters"]
    #expect(waiters[0]["kind"] == .text("pipe") && waiters[0]["verb"] == .text("recv"))
    for text in ["one", "two"] { #expect(try client.send(text, to: ends + "1").status == 204) }
    #expect(try #require(Stream(waiting, isHead: false, seconds: 10)).rest() == Array("one".utf8))
    #expect(try client.receive(from: ends + "0").text == "two")
    let late = try client.receive(from: ends + "0", "?timeout=0.05")
    #expect(late.status == 409 && late.code == "TimeoutError")
  }

  @Test func waitersAreServedInTheOrderInWhichTheyCame() throws {
    let ends = try client.pipe("p")
    var waiting: [Connection] = []
    for count in 1...5 {
      waiting.append(try client.send("POST", ends + "0/recv"))
      #expect(try eventually { try client.waiters(on: "p") == count })
    }
    for number in 0..<5 { #expect(try client.send("\(number)", to: ends + "1").status == 204) }
    for (number, connection) in waiting.enumerated() {
      #expect(try #require(Stream(connection, isHead: false, seconds: 10)).rest() == Array("\(number)".utf8))
    }
  }

  @Test func clientsThatHangUpTakeNothingWithThem() throws {
    let ends = try client.pipe("p", #"{"capacity":1}"#)
    for round in 0..<20 {
      var gone = try (0..<10).map { _ in try client.send("POST", ends + "0/recv") }
      #expect(try eventually { try client.waiters(on: "p") == 10 })
      // They hang up while the message is on its way to one of them.
      let stays = try client.send("POST", ends + "0/recv")
      gone.removeAll()
      #expect(try client.send("\(round)", to: ends + "1", nil, "?timeout=10").status == 204)
      let answer = try #require(Stream(stays, isHead: false, seconds: 10))
      #expect(answer.status == 200 && answer.rest() == Array("\(round)".utf8))
    }
    // Those that wait to send leave nothing behind either.
    #expect(try client.send("full", to: ends + "1").status == 204)
    var gone = try (0..<10).map { _ in try client.send("POST", ends + "1/send", [:], Array("lost".utf8)) }
    #expect(try eventually { try client.waiters(on: "p") == 10 })
    gone.removeAll()
    #expect(try eventually { try client.waiters(on: "p") == 0 })
    #expect(try client.receive(from: ends + "0").text == "full")
    #expect(try client.receive(from: ends + "0", "?block=false").code == "TimeoutError")
  }

  @Test func pollSaysWhetherThereIsOne() throws {
    let ends = try client.pipe("p")
    #expect(try client.post(ends + "0/poll").json == Value(#"{"ready":false}"#))
    let waiting = try client.send("POST", ends + "0/poll?timeout=20")
    #expect(try eventually { try client.waiters(on: "p") == 1 })
    #expect(try client.send("", to: ends + "1").status == 204)
    #expect(try #require(Stream(waiting, isHead: false, seconds: 10)).rest() == Array(#"{"ready":true}"#.utf8))
    #expect(try client.post(ends + "0/poll").json == Value(#"{"ready":true}"#))
  }

  @Test func aMessageThatIsTooLongForItsReceiverStays() throws {
    let ends = try client.pipe("p")
    #expect(try client.send("12345", to: ends + "1").status == 204)
    let short = try client.receive(from: ends + "0", "?max_length=4")
    #expect(short.status == 409 && short.code == "BufferTooShort" && short.json["length"] == .number(5))
    #expect(try client.receive(from: ends + "0", "?max_length=5").text == "12345")
  }
}

@Suite("S14: send(data): strings, numbers, lists…; no receiver raises") struct PipeSendTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest(["--max-message=1048576"])
    client = daemon.client
  }

  @Test func whateverIsSentComesBackByteForByte() throws {
    let ends = try client.pipe("p")
    let json = ["\"text\"", "1e0", "123456789012345678901234567890", "[1, 2,\n 3]", #"{"a":1,"a":2}"#, "null"]
    for text in json { #expect(try client.send(text, to: ends + "0", "application/json").status == 204) }
    for text in json {
      let answer = try client.receive(from: ends + "1")
      #expect(answer.text == text && answer["Content-Type"] == "application/json")
    }
    let bytes = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
    let type = ["Content-Type": "image/x-test; a=\"b\""]
    #expect(try client.request("POST", ends + "0/send", type, bytes).status == 204)
    let answer = try client.receive(from: ends + "1")
    #expect(answer.body == bytes && answer["Content-Type"] == type["Content-Type"])
    #expect(try client.request("POST", ends + "0/send", type, bytes + [0]).status == 413)
    #expect(try client.send("[1,", to: ends + "0", "application/json").code == "JSONDecodeError")
    #expect(try client.send("", to: ends + "0").status == 204)
    let empty = try client.receive(from: ends + "1")
    #expect(empty.status == 200 && empty.body.isEmpty)
  }

  @Test func withoutAReceiverItIsABrokenPipe() throws {
    let ends = try client.pipe("p", #"{"capacity":1}"#)
    #expect(try client.send("x", to: ends + "0").status == 204)
    let waiting = try client.send("POST", ends + "0/send", [:], Array("y".utf8))
    #expect(try eventually { try client.waiters(on: "p") == 1 })
    #expect(try client.send("bye", to: ends + "1").status == 204)
    #expect(try client.post(ends + "1/close").status == 204)
    #expect(try #require(Stream(waiting, isHead: false, seconds: 10)).status == 410)
    let broken = try client.send("z", to: ends + "0")
    #expect(broken.status == 410 && broken.code == "BrokenPipeError")
    #expect(try client.receive(from: ends + "0").text == "bye")
    #expect(try client.receive(from: ends + "0").code == "EOFError")
    #expect(try client.send("x", to: ends + "1").code == "Closed")
  }

  @Test func theEndOfTheLastHolderIsTheEnd() throws {
    let ends = try client.pipe("p")
    let session = try #require(try client.post("/v1/sessions", #"{"ttl":60}"#).json["name"].text)
    let headers = ["Procession-Session": session]
    #expect(try client.request("POST", ends + "1/open", headers).status == 204)
    let waiting = try client.send("POST", ends + "0/recv")
    #expect(try eventually { try client.waiters(on: "p") == 1 })
    #expect(try client.delete("/v1/sessions/\(session)").status == 204)
    let answer = try #require(Stream(waiting, isHead: false, seconds: 10))
    #expect(answer.status == 410 && Value(answer.rest())["code"] == .text("EOFError"))
  }
}
