import Glibc
import Linux
import Testing

/// Items that are streamed into a pool while their results are streamed out.
@Suite struct PoolStreamTests {
  let daemon: DaemonUnderTest
  let client: Client
  private static let type = ["Content-Type": "application/x-ndjson"]

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
    try client.pool("p", 2)
  }

  /// A job that items are handed in to.
  private func job(_ verb: String = "imap_async", chunk: Int = 64) throws -> String {
    try client.job("p", verb, #"{"func":"square","iterable":{"stream":true},"chunksize":\#(chunk)}"#)
  }

  private func numbers(_ range: Range<Int>) -> [UInt8] { Array(range.map { "\($0)\n" }.joined().utf8) }

  private func indices(_ text: String) -> [Int?] { text.split(separator: "\n").map { Value(String($0))["index"].int } }

  private func residentBytes() throws -> Int {
    let words = contents(of: "/proc/\(daemon.pid)/statm").split(separator: " ")
    return try #require(words.count > 1 ? Int(words[1]) : nil) * Int(sysconf(CInt(_SC_PAGESIZE)))
  }

  @Test(arguments: ["imap_async", "imap_unordered_async"])
  func anUploadOfAnyLengthPassesThroughLittleMemory(_ verb: String) throws {
    let count = 20_000
    let job = try job(verb)
    let before = try residentBytes()
    let results = try client.open("GET", job + "/results")
    let answer = Mutex<Answer?>(nil)
    let upload = try Thread("upload") { [client, items = numbers(0..<count)] in
      let answered = try? client.request("POST", job + "/put?close=true", Self.type, items)
      answer.withLock { $0 = answered }
    }
    let text = String(decoding: results.rest(), as: UTF8.self)
    #expect(results.isWhole)
    let indices = indices(text)
    #expect((verb == "imap_async" ? indices : indices.sorted { $0 ?? -1 < $1 ?? -1 }) == Array(0..<count))
    #expect(text.contains("{\"index\":19999,\"value\":399960001}\n"))
    #expect(try residentBytes() - before < 64 << 20)
    upload.join()
    #expect(answer.withLock { $0?.json["accepted"] } == .number(Double(count)))
    #expect(try client.get(job).json["successful"] == .bool(true))
  }

  /// Nothing is read of an upload beyond what there is room for.
  @Test func anUploadWaitsForAReader() throws {
    let job = try job()
    let late = try client.request("POST", job + "/put?timeout=0.3&close=true", Self.type, numbers(0..<200_000))
    #expect(late.status == 409 && late.code == "Full")
    let detail = try #require(late.json["detail"].text)
    let taken = try #require(Int(detail.prefix { $0 != " " }))
    #expect(taken >= 4096 && taken < 100_000)
    let results = try client.open("GET", job + "/results")
    #expect(try client.request("POST", job + "/put?close=true", Self.type, numbers(taken..<taken + 10)).status == 200)
    #expect(indices(String(decoding: results.rest(), as: UTF8.self)) == Array(0..<taken + 10))
  }

  @Test func anUploadThatBreaksOffCancelsItsJob() throws {
    let job = try job(chunk: 1)
    let results = try client.open("GET", job + "/results")
    do {
      let upload = try Connection(client.endpoint)
      upload.send("POST \(job)/put?close=true HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n1\n2\n")
      #expect(try eventually { try client.get(job).json["progress"]["done"] == .number(2) })
    }
    let lines = String(decoding: results.rest(), as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines.last.map { Value(String($0))["error"]["type"] } == .text("Cancelled"))
    #expect(try client.get(job).json["successful"] == .bool(false))
  }

  @Test func aLineThatIsNoJSONCancelsItsJob() throws {
    let job = try job()
    let answer = try client.request("POST", job + "/put?close=true", Self.type, Array("1\n{\n3\n".utf8))
    #expect(answer.status == 400 && answer.code == "JSONDecodeError")
    #expect(try client.get(job).json["ready"] == .bool(true))
  }

  /// An upload that says nothing of the end may be followed by another, and so may a reader.
  @Test func anotherGoesOnWhereOneHasEnded() throws {
    let job = try job(chunk: 1)
    var seen: [Int?] = []
    do {
      let reader = try client.open("GET", job + "/results")
      #expect(try client.request("POST", job + "/put", Self.type, numbers(0..<3)).status == 200)
      while seen.count < 3, let bytes = reader.next() { seen += indices(String(decoding: bytes, as: UTF8.self)) }
    }
    #expect(seen == [0, 1, 2])
    #expect(try client.request("POST", job + "/put?close=true", Self.type, numbers(3..<5)).status == 200)
    #expect(indices(try client.get(job + "/results").text) == [3, 4])
  }

  @Test func anItemMayComeInManyPieces() throws {
    let job = try job(chunk: 1)
    let upload = try Connection(client.endpoint)
    upload.send("POST \(job)/put?close=true HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in ["1", "2\n3", "", "4", "\n\n5"] where !piece.isEmpty {
      upload.send("\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\n")
    }
    upload.send("0\r\n\r\n")
    let lines = try client.get(job + "/results").text
    #expect(lines.split(separator: "\n").compactMap { Value(String($0))["value"].int } == [144, 1156, 25])
  }
}
