import Linux
import Testing

@testable import HTTP

/// Heads of every size: up to the limits each is served, beyond them each is answered with a problem by us, whether they reach
/// us or the library has no room for them.
@Suite struct HeadTests {
  /// How a head grows to `size` bytes of what is limited, and what it is answered beyond `limit`.
  struct Growth: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let limit: Int
    let refusals: Set<Int>
    let sizes: [Int]
    let head: @Sendable (Int) -> String

    init(
      _ name: String, limit: Int, _ refusals: Set<Int>, sizes: [Int] = Growth.sizes,
      _ head: @escaping @Sendable (Int) -> String
    ) {
      testDescription = name
      self.limit = limit
      self.refusals = refusals
      self.sizes = sizes + (-2...2).map { limit + $0 }
      self.head = head
    }

    /// Coarse, but for where the memory of a connection comes to its end.
    static let sizes =
      Array(stride(from: 5000, to: 14_000, by: 499)) + Array(stride(from: 14_000, to: 15_600, by: 23))
      + [16_384, 20_000, 32_768, 65_536, 102_400, 300_000]
  }

  static let fixed = "Host: localhost\r\nAuthorization: Bearer test-token\r\n"

  /// One field that fills the fields up to `size` bytes.
  static func filled(_ size: Int, _ line: String = "GET /v1/queues HTTP/1.1", _ name: String = "X") -> String {
    let count = size - fixed.utf8.count - name.utf8.count - 4
    return "\(line)\r\n\(fixed)\(name): \(String(repeating: "a", count: count))\r\n\r\n"
  }

  static func fields(_ count: Int, of size: Int) -> String {
    (2..<count).map { "X-\($0): \(String(repeating: "a", count: size))\r\n" }.joined()
  }

  static let growths = [
    Growth("one field", limit: 8192, [431]) { filled($0) },
    Growth("a field beside the longest target", limit: 8192, [431]) {
      filled($0, "GET /v1/queues?x=\(String(repeating: "a", count: 2033)) HTTP/1.1")
    },
    Growth("a cookie", limit: 8192, [431]) { filled($0, "GET /v1/queues HTTP/1.1", "Cookie") },
    Growth("thousands of cookies", limit: 8192, [431]) {
      filled($0, "GET /v1/queues HTTP/1.1", "Cookie").replacing("aa", with: "a;")
    },
    Growth("white space", limit: 8192, [431]) { filled($0).replacing("aaaa", with: "    ") },
    Growth("fields of one byte", limit: 64, [431], sizes: Array(3...150) + [1000]) {
      "GET /v1/queues HTTP/1.1\r\n\(fixed)\(fields($0, of: 1))\r\n"
    },
    Growth("fields of a hundred bytes", limit: 64, [431], sizes: Array(3...150) + [1000]) {
      "GET /v1/queues HTTP/1.1\r\n\(fixed)\(fields($0, of: 100))\r\n"
    },
    Growth("a target", limit: 2048, [404, 414]) { size in
      "GET /\(String(repeating: "a", count: size - 1)) HTTP/1.1\r\n\(fixed)\r\n"
    },
    Growth("a query", limit: 2048, [414]) {
      "GET /v1/queues?x=\(String(repeating: "a", count: $0 - 13)) HTTP/1.1\r\n\(fixed)\r\n"
    },
    Growth("a target without fields", limit: 2048, [414]) {
      "GET /\(String(repeating: "a", count: $0 - 1)) HTTP/1.0\r\n\r\n"
    },
    Growth("a method", limit: 0, [501, 431, 414]) {
      "\(String(repeating: "A", count: $0)) /v1/queues HTTP/1.1\r\n\(fixed)\r\n"
    },
    Growth("a line that does not end", limit: 0, [414]) { String(repeating: "a", count: Swift.max($0, 20_000)) },
  ]

  @Test(arguments: growths) func everySizeIsAnswered(_ growth: Growth) throws {
    let server = try TestServer(WireTests.routes)
    for size in growth.sizes.sorted() where size > 0 {
      let client = try server.connect()
      client.send(growth.head(size))
      let response = try #require(client.response(), "\(size)")
      if growth.refusals.contains(response.status) {
        #expect(response["content-type"] == "application/problem+json", "\(size)")
        #expect(response.text.count == response["content-length"].flatMap { Int($0) }, "\(size)")
        #expect(client.isClosed(within: 5), "\(size)")
        #expect(size > growth.limit || response.status == 404, "\(size) → \(response.status)")
      } else {
        #expect(size <= growth.limit, "\(size) → \(response.status)")
      }
    }
  }

  @Test func aBodyFollowsTheLargestHead() throws {
    let server = try TestServer(WireTests.routes)
    let client = try server.connect()
    let extra = "Content-Length: 100000\r\n"
    let head = Self.filled(8192 - extra.utf8.count, "POST /v1/put HTTP/1.1").replacing("Host", with: extra + "Host")
    for _ in 0..<3 {
      client.send(head)
      client.send(String(repeating: "x", count: 100_000))
      #expect(client.response()?.text == "got 100000")
    }
  }

  /// From the second request on the library begins with another share of its memory, and may have read ahead.
  @Test(arguments: [1, 3]) func aLargeHeadMayFollowAnother(_ atOnce: Int) throws {
    let server = try TestServer(WireTests.routes)
    for size in stride(from: 6000, through: 8192, by: 137) {
      let client = try server.connect()
      client.send(TestServer.head("GET /v1/queues"))
      #expect(client.response()?.text == "queues")
      client.send(String(repeating: Self.filled(size), count: atOnce))
      let text = String(
        decoding: client.read(seconds: 5) { String(decoding: $0, as: UTF8.self).components("queues").count > atOnce },
        as: UTF8.self)
      #expect(text.components("HTTP/1.1 200").count == atOnce + 1, "\(size)")
    }
  }

  @Test func aHeadMayComeInPieces() throws {
    let server = try TestServer(WireTests.routes)
    for (size, status) in [(8192, 200), (8193, 431), (40_000, 431)] {
      let client = try server.connect()
      var rest = Self.filled(size)[...]
      while !rest.isEmpty, client.send(String(rest.prefix(700))) { rest = rest.dropFirst(700) }
      #expect(client.response()?.status == status)
    }
  }

  @Test func aHeadWithoutAnEndIsAnswered() throws {
    let server = try TestServer(WireTests.routes)
    let client = try server.connect()
    client.send("GET /v1/queues HTTP/1.1\r\nX: ")
    let piece = String(repeating: "a", count: 1000)
    var sent = 0
    while sent < 10_000, client.send(piece) { sent += 1 }
    #expect(sent < 10_000)
    #expect(client.response()?.status == 431)
  }

  /// The end of the chunks is as much a part of the request as its head.
  @Test func aTrailerIsAnsweredWhateverItsSize() throws {
    let server = try TestServer(WireTests.routes)
    var statuses: Set<Int> = []
    for size in [10, 5000] + Array(stride(from: 14_000, to: 15_600, by: 37)) + [20_000] {
      let client = try server.connect()
      let trailer = String(repeating: "a", count: size)
      client.send(TestServer.head("POST /v1/put", "Transfer-Encoding: chunked\r\n"))
      client.send("2\r\nab\r\n0\r\nX: \(trailer)\r\n\r\n")
      statuses.insert(try #require(client.response(), "\(size)").status)
    }
    #expect(statuses == [200, 431, 500])
  }

  @Test func whatNeverReachedARouteIsCounted() throws {
    let server = try TestServer(WireTests.routes)
    let client = try server.connect()
    client.send(String(repeating: "a", count: 30_000))
    #expect(client.response()?.status == 414)
    let row = try #require(server.server.metrics.snapshot().rows.first { $0.route == nil })
    #expect(row.counts.map(\.status) == [414])
    #expect(row.counts.map(\.count) == [1])
    #expect(eventually { server.server.metrics.snapshot().connections == 0 })
    #expect(server.server.metrics.snapshot().inFlight == 0)
  }
}
