import Linux
import Testing

/// What a process reads from its stdin.
@Suite struct StdinTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  private func write(_ name: String, _ text: String, _ query: String = "") throws -> Answer {
    try client.request("POST", "/v1/processes/\(name)/stdin\(query)", [:], Array(text.utf8))
  }

  @Test func itIsDevNullUnlessSaidOtherwise() throws {
    #expect(try client.result(of: "readlink /proc/self/fd/0; wc -c") == "/dev/null\n0\n")
    let name = try client.shell("cat")
    let answer = try write(name, "x")
    #expect(answer.status == 410 && answer.code == "BrokenPipeError")
  }

  @Test func textIsRevealedToTheProcessAlone() throws {
    let name = try client.shell("cat", #""stdin":{"text":"s3cret\u0000 é\n"}"#)
    try client.join(name)
    #expect(try client.output(name).text == "s3cret\0 é\n")
    #expect(try client.process(name)["stdin"] == .text("text"))
    #expect(try !client.get("/v1/state").text.contains("s3cret"))
  }

  @Test func aPipeIsWrittenUntilItIsClosed() throws {
    let name = try client.shell("while read line; do echo \"<$line>\"; done", #""stdin":"pipe""#)
    #expect(try write(name, "one\n").json == Value(#"{"written":4,"complete":true}"#))
    try client.wait(for: "<one>\n", from: name)
    #expect(try write(name, "two\n", "?close=true").json["written"] == .number(4))
    #expect(try client.join(name)["exitcode"] == .number(0))
    #expect(try client.output(name).text == "<one>\n<two>\n")
    #expect(try write(name, "three\n").status == 410)
  }

  @Test func tenMegabytesReachASlowReaderWhole() throws {
    // Reads nothing before it is told to, by a signal.
    let script = "trap 'go=1' USR1; echo ready; while [ -z \"$go\" ]; do sleep 0.05; done; cksum"
    let name = try client.shell(script, #""stdin":"pipe""#)
    try client.wait(for: "ready", from: name)
    let bytes = (0..<10_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 11) }
    let partly = try client.request("POST", "/v1/processes/\(name)/stdin?timeout=0.1", [:], Array(bytes[..<1_000_000]))
    let written = try #require(partly.json["written"].int)
    #expect(partly.json["complete"] == .bool(false))
    #expect(written > 0 && written < 1_000_000)
    let path = "/v1/processes/\(name)/stdin?close=true"
    let waiting = try client.send("POST", path, [:], Array(bytes[written...]))
    let isParked = try eventually { try client.get("/v1/state").json["waiters"] == .number(1) }
    #expect(isParked)
    #expect(try client.signal(name, "SIGUSR1").status == 200)
    let answer = try #require(Stream(waiting, isHead: false, seconds: 60))
    #expect(Value(answer.rest())["written"] == .number(Double(bytes.count - written)))
    #expect(try client.join(name)["exitcode"] == .number(0))
    #expect(try client.output(name).text == "ready\n\(checksum(bytes)) \(bytes.count)\n")
  }

  @Test func aReaderThatEndsBreaksThePipe() throws {
    let name = try client.shell("exec <&-; echo closed; sleep 60", #""stdin":"pipe""#)
    try client.wait(for: "closed", from: name)
    let answer = try write(name, "x")
    #expect(answer.status == 410 && answer.code == "BrokenPipeError")
    // A writer that is parked when the reader dies is answered too.
    let dying = try client.shell("sleep 60", #""stdin":"pipe""#)
    let path = "/v1/processes/\(dying)/stdin"
    let waiting = try client.send("POST", path, [:], [UInt8](repeating: 0, count: 1 << 20))
    let isParked = try eventually { try client.get("/v1/state").json["waiters"] == .number(1) }
    #expect(isParked)
    #expect(try client.post("/v1/processes/\(dying)/kill").status == 200)
    #expect(try #require(Stream(waiting, isHead: false, seconds: 30)).status == 410)
  }
}

/// POSIX's, as cksum(1) prints it.
private func checksum(_ bytes: [UInt8]) -> UInt32 {
  let table = (0..<256).map { index in
    (0..<8).reduce(UInt32(index) << 24) { sum, _ in sum & 0x8000_0000 != 0 ? sum << 1 ^ 0x04C1_1DB7 : sum << 1 }
  }
  func step(_ sum: UInt32, _ byte: UInt8) -> UInt32 { sum << 8 ^ table[Int(UInt8(sum >> 24) ^ byte)] }
  var sum = bytes.withUnsafeBufferPointer { bytes in
    var sum: UInt32 = 0
    for byte in bytes { sum = step(sum, byte) }
    return sum
  }
  var count = bytes.count
  while count > 0 {
    sum = step(sum, UInt8(count & 0xFF))
    count >>= 8
  }
  return ~sum
}
