import Glibc
import Linux
import Testing

/// Processes that are joined by queues and pipes of the service.
@Suite struct BindingTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  /// Bytes of the daemon's that are in memory.
  private var residentBytes: Int {
    let words = contents(of: "/proc/\(daemon.pid)/statm").split(separator: " ")
    return words.count > 1 ? (Int(words[1]) ?? 0) * Int(sysconf(CInt(_SC_PAGESIZE))) : 0
  }

  /// Seconds of CPU that a process has taken, in the kernel's ticks.
  private func ticks(_ name: String) throws -> Int {
    let pid = try #require(try client.process(name)["pid"].int)
    let fields = contents(of: "/proc/\(pid)/stat").split(separator: " ")
    return fields.count > 14 ? (Int(fields[13]) ?? 0) + (Int(fields[14]) ?? 0) : 0
  }

  @Test func aConsumerReadsLinesAndAProducerWritesThem() throws {
    try client.queue("in")
    try client.queue("out")
    let script = "while read -r line; do echo \"<$line>\"; done"
    let name = try client.shell(script, #""stdin":{"queue":"in"},"stdout":{"queue":"out"}"#)
    for text in ["one", "two words", "{\"a\": 1}"] {
      #expect(try client.putMessage("in", text).status == 204)
      let answer = try client.getMessage("out", "?timeout=20")
      #expect(answer.text == "<\(text)>" && answer["content-type"] == "text/plain")
    }
    #expect(try client.post("/v1/queues/in/close").status == 204)
    #expect(try client.join(name)["exitcode"] == .number(0))
  }

  /// Of programs that end as soon as they have begun, while others are being started.
  @Test func lastLinesAreThereWhenTheEndIsTold() throws {
    let threads = try (0..<8).map { thread in
      try Thread("starter") { [client] in
        do {
          for round in 0..<100 {
            let queue = "q\(thread)-\(round)"
            try client.queue(queue)
            let name = try client.start(["/usr/bin/printf", "last"], #""stdout":{"queue":"\#(queue)"}"#)
            #expect(try client.join(name)["exitcode"] == .number(0))
            #expect(try client.getMessage(queue, "?block=false").text == "last", "\(queue)")
          }
        } catch {
          Issue.record(error)
        }
      }
    }
    for thread in threads { thread.join() }
  }

  @Test func aProducerThatNobodyReadsIsHeldUpAndNotKept() throws {
    try client.queue("q", #""maxsize":100"#)
    try client.queue("raw", #""maxsize":4"#)
    let before = residentBytes
    let yes = try client.start(["/usr/bin/yes"], #""stdout":{"queue":"q"}"#)
    let zero = try client.start(["/bin/cat", "/dev/zero"], #""stdout":{"queue":"raw","framing":"raw"}"#)
    for queue in ["q", "raw"] {
      let isFull = try eventually { try client.queueState(queue)["waiters"] == .number(1) }
      #expect(isFull)
      #expect(try client.queueState(queue)["full"] == .bool(true))
    }
    // Neither runs: what it would write has no room in the kernel's pipe.
    var last = [0, 0]
    let areStill = try eventually {
      defer { usleep(200_000) }
      let now = [try ticks(yes), try ticks(zero)]
      defer { last = now }
      return now == last
    }
    #expect(areStill)
    #expect(residentBytes - before < 8 << 20, "\(residentBytes - before)")
    for _ in 0..<300 { #expect(try client.getMessage("q", "?timeout=20").text == "y") }
    #expect(try client.getMessage("raw", "?timeout=20").body.allSatisfy { $0 == 0 })
    #expect(try client.delete("/v1/queues/q").status == 204)
    #expect(try client.join(yes)["exitcode"] == .number(Double(-SIGPIPE)))
    #expect(try client.post("/v1/processes/\(zero)/kill").status == 200)
  }

  @Test func aHundredMegabytesGoFromProcessToProcess() throws {
    _ = try client.pipe("p", #"{"duplex":false}"#)
    let source = "seq 1 20000000 | head -c 100000000"
    let before = residentBytes
    let reader = try client.start(["/usr/bin/cksum"], #""stdin":{"pipe":"p","end":0}"#)
    let writer = try client.shell(source, #""stdout":{"pipe":"p","end":1}"#)
    #expect(try client.join(writer)["exitcode"] == .number(0))
    #expect(try client.join(reader)["exitcode"] == .number(0))
    let sum = try client.output(reader).text
    #expect(try sum == client.result(of: "\(source) | cksum") && sum.hasSuffix(" 100000000\n"))
    #expect(residentBytes - before < 16 << 20, "\(residentBytes - before)")
    let ends = try client.get("/v1/pipes/p").json["ends"]
    #expect(ends["0"]["open"] == .bool(false) && ends["1"]["open"] == .bool(false))
  }

  @Test func aReaderThatIsKilledEndsItsWriterAndNothingElse() throws {
    _ = try client.pipe("p", #"{"duplex":false}"#)
    let writer = try client.start(["/usr/bin/yes"], #""stdout":{"pipe":"p","end":1}"#)
    let reader = try client.shell("head -n 1 >/dev/null; sleep 100", #""stdin":{"pipe":"p","end":0}"#)
    let isFull = try eventually { try client.waiters(on: "p") == 1 }
    #expect(isFull)
    #expect(try client.post("/v1/processes/\(reader)/kill").status == 200)
    #expect(try client.join(writer)["exit"]["signal"] == .text("SIGPIPE"))
    // From a queue the next consumer has what the last one had not.
    try client.queue("q")
    let large = String(repeating: "x", count: 1 << 20)
    #expect(try client.putMessage("q", large).status == 204)
    let sleeper = try client.start(["/bin/sleep", "100"], #""stdin":{"queue":"q"}"#)
    let isTaken = try eventually { try client.queueState("q")["qsize"] == .number(0) }
    #expect(isTaken)
    #expect(try client.post("/v1/processes/\(sleeper)/kill").status == 200)
    try client.join(sleeper)
    let again = try client.getMessage("q")
    #expect(again.text == large && again["procession-deliveries"] == "1")
  }

  @Test func aProcessIsAWorkerBehindAPipe() throws {
    let ends = try client.pipe("p")
    let name = try client.start(
      ["/usr/bin/python3", "-c", "import os\nwhile b := os.read(5, 65536): os.write(5, b.upper())"],
      #""fds":{"5":{"pipe":"p","end":1}}"#)
    for text in ["one", "two"] {
      #expect(try client.send(text, to: ends + "0").status == 204)
      #expect(try client.receive(from: ends + "0", "?timeout=20").text == text.uppercased())
    }
    #expect(try client.post(ends + "0/close").status == 204)
    #expect(try client.join(name)["exitcode"] == .number(0))
  }

  /// Clients that come and go around a process that puts and one that gets.
  @Test func hangUpsLoseNothingOfWhatAProcessWrites() throws {
    try client.queue("q", #""maxsize":5"#)
    let name = try client.start(["/usr/bin/seq", "1", "400"], #""stdout":{"queue":"q"}"#)
    var had: [Int] = []
    for round in 0..<100 {
      var gone = try (0..<5).map { _ in try client.send("POST", "/v1/queues/q/get?timeout=20") }
      if round % 2 == 0 { usleep(500) }
      gone.removeAll()
      let answer = try client.getMessage("q", "?timeout=5")
      guard answer.status == 200 else { break }
      had.append(try #require(Int(answer.text)))
    }
    #expect(Set(had).count == had.count)
    // What the others were given and had read before they went is theirs; all else is still here, each once.
    while case let answer = try client.getMessage("q", "?timeout=1"), answer.status == 200 {
      had.append(try #require(Int(answer.text)))
    }
    #expect(Set(had).count == had.count && had.allSatisfy { 1...400 ~= $0 })
    #expect(try client.join(name)["exitcode"] == .number(0))
    #expect(try client.queueState("q")["bytes"] == .number(0))
  }
}
