import CLinux
import Glibc
import Linux
import Testing

@testable import HTTP

/// What takes too long or is too much is ended.
@Suite struct LimitTests {
  static let routes = [
    Route(.post, "/v1/put", "put", body: .payload) { request in .now(.text("\(request.body.count)")) },
    Route(.get, "/v1/large", "large") { _ in .now(Response(200, .bytes(Bytes(count: 256 << 20)))) },
    Route(.get, "/v1/now", "now") { _ in .now(.text("now")) },
  ]

  static func options(_ change: (inout ServerOptions) -> Void) -> ServerOptions {
    var options = ServerOptions()
    options.tick = 20
    change(&options)
    return options
  }

  @Test func aConnectionThatSaysNothingIsClosed() throws {
    let server = try TestServer(Self.routes, Self.options { $0.headerTimeout = 0.1 })
    #expect(try server.connect().isClosed(within: 5))
  }

  @Test func aHeadThatComesByteByByteIsClosed() throws {
    let server = try TestServer(Self.routes, Self.options { $0.headerTimeout = 0.3 })
    let client = try server.connect()
    client.send("GET /v1/now HTTP/1.1\r\n")
    let start = Deadline.now
    var isOpen = true
    while isOpen, Deadline.now.nanoseconds - start.nanoseconds < 5_000_000_000 {
      client.send("X")
      isOpen = !client.isClosed(within: 0.02)
    }
    #expect(!isOpen)
  }

  @Test func anIdleConnectionIsClosed() throws {
    let server = try TestServer(Self.routes, Self.options { $0.idleTimeout = 0.1 })
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/now"))
    #expect(client.response()?.text == "now")
    #expect(client.isClosed(within: 5))
  }

  @Test func aBodyThatTricklesIsCut() throws {
    let server = try TestServer(
      Self.routes,
      Self.options {
        $0.bodyTimeout = 0.2
        $0.bodyRate = 1_000_000
      })
    let client = try server.connect()
    client.send(TestServer.head("POST /v1/put", "Content-Length: 100000\r\n"))
    var isOpen = true
    for _ in 0..<200 where isOpen {
      client.send("x")
      isOpen = !client.isClosed(within: 0.02)
    }
    #expect(!isOpen)
  }

  @Test func aBodyThatKeepsItsRateIsRead() throws {
    let server = try TestServer(
      Self.routes,
      Self.options {
        $0.bodyTimeout = 0.2
        $0.bodyRate = 1000
      })
    let client = try server.connect()
    client.send(TestServer.head("POST /v1/put", "Content-Length: 1000\r\n"))
    for _ in 0..<10 {
      client.send(String(repeating: "x", count: 100))
      usleep(50_000)
    }
    #expect(client.response()?.text == "1000")
  }

  @Test func aResponseThatIsNotReadIsCut() throws {
    let server = try TestServer(
      Self.routes,
      Self.options {
        $0.readTimeout = 0.2
        $0.readRate = 1e12
      })
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/large"))
    #expect(eventually(seconds: 5) { server.server.metrics.snapshot().connections == 0 })
    let bytes = client.read()
    #expect(bytes.count < 256 << 20)
  }

  @Test func oneConnectionTooManyIsToldSo() throws {
    let server = try TestServer(
      Self.routes,
      Self.options {
        $0.maxConnections = 2
        $0.leastIdle = 60
      })
    let clients = try (0..<2).map { _ in try server.connect() }
    for client in clients {
      client.send(TestServer.head("GET /v1/now"))
      #expect(client.response()?.text == "now")
    }
    let response = try #require(try server.request("GET /v1/now"))
    #expect(response.status == 503)
    #expect(response["retry-after"] == "1")
    shutdown(clients[0].fd, CInt(SHUT_RDWR))
    #expect(eventually { server.server.metrics.snapshot().connections == 1 })
    #expect(try server.request("GET /v1/now")?.text == "now")
  }

  /// Who keeps connections for nothing does not keep others out.
  @Test func anIdleConnectionMakesRoomForAnother() throws {
    let server = try TestServer(
      Self.routes,
      Self.options {
        $0.maxConnections = 3
        $0.leastIdle = 0
      })
    let busy = try server.connect()
    busy.send("GET /v1/now HTTP/1.1\r\n")
    #expect(eventually { server.server.metrics.snapshot().inFlight == 1 })
    let clients = try (0..<20).map { _ in try server.connect() }
    for _ in 0..<5 { #expect(eventually { (try? server.request("GET /v1/now"))?.text == "now" }) }
    #expect(clients.contains { $0.isClosed(within: 5) })
    #expect(eventually { server.server.metrics.snapshot().connections <= 3 })
    busy.send("Host: localhost\r\nAuthorization: Bearer \(TestServer.token)\r\n\r\n")
    #expect(busy.response()?.text == "now", "what is going on is not ended")
  }

  @Test func someConnectionsAreFreeOfThoseThatWait() {
    var options = ServerOptions()
    #expect(options.waiterLimit == 15360)
    options.maxWaiters = 100
    #expect(options.waiterLimit == 100)
    options.maxConnections = 8
    #expect(options.waiterLimit == 8)
  }

  @Test func metricsCountByRouteAndStatus() throws {
    let server = try TestServer(Self.routes)
    for _ in 0..<3 { _ = try server.request("GET /v1/now") }
    _ = try server.request("GET /v1/nothing")
    #expect(eventually { server.server.metrics.snapshot().inFlight == 0 })
    let rows = server.server.metrics.snapshot().rows
    let now = try #require(rows.first { $0.route == 2 })
    #expect(now.counts.map(\.status) == [200])
    #expect(now.counts.map(\.count) == [3])
    #expect(now.buckets.reduce(0, +) == 3)
    #expect(now.sum > 0)
    #expect(rows.first { $0.route == nil }?.counts.map(\.status) == [404])
  }

  @Test func aHeaderThatCannotBeSentIsAProblem() throws {
    let server = try TestServer([
      Route(.get, "/v1/bad", "bad") { _ in .now(.text("x").with("X-Bad", "a\r\nSet-Cookie: b")) }
    ])
    let response = try #require(try server.request("GET /v1/bad"))
    #expect(response.status == 500)
    #expect(response["set-cookie"] == nil)
  }
}

@Suite struct UnixSocketTests {
  @Test func itsOwnerNeedsNoToken() throws {
    let folder = try makeTemporaryFolder()
    defer { rmdir(folder) }
    let path = "\(folder)/s"
    let server = try TestServer(
      [
        Route(.get, "/v1/now", "now", access: .operatorOnly, audited: true) { request in
          .now(.text("\(request.caller)"))
        }
      ], at: [.unix(path: path)])
    var status = stat()
    #expect(stat(path, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
    let client = try server.connect()
    client.send("GET /v1/now HTTP/1.0\r\n\r\n")
    #expect(RawResponse(client.read())?.text == "operator")
    let audit = try #require(server.observer.audits.withLock { $0.first })
    #expect(audit.peer == .unix(uid: geteuid(), pid: getpid()))
    let other = try server.connect()
    other.send("GET /v1/now HTTP/1.1\r\nHost: docker\r\nAuthorization: Bearer wrong\r\n\r\n")
    #expect(other.response()?.status == 401, "a token that is given decides")
    server.server.stop(by: .after(seconds: 2))
    #expect(stat(path, &status) == -1)
  }

  @Test func aStaleSocketIsReplacedAndALiveOneIsNot() throws {
    let folder = try makeTemporaryFolder()
    defer { rmdir(folder) }
    let path = "\(folder)/s"
    let first = try Listener(.unix(path: path))
    #expect(throws: ListenError.inUse(path)) { _ = try Listener(.unix(path: path)) }
    close(first.fd)
    let second = try Listener(.unix(path: path))
    second.close()
  }

  @Test func aFolderThatOthersWriteToIsRefused() throws {
    let folder = try makeTemporaryFolder()
    defer { rmdir(folder) }
    chmod(folder, 0o777)
    #expect(throws: ListenError.folderNotOurs("\(folder)/s")) { _ = try Listener(.unix(path: "\(folder)/s")) }
  }

  @Test(arguments: [
    ("127.0.0.1:8080", "127.0.0.1:8080", true), ("[::1]:0", "[::1]:0", true), ("localhost:1", "127.0.0.1:1", true),
    ("0.0.0.0:1", "0.0.0.0:1", false), ("[::]:1", "[::]:1", false), ("10.0.0.1:1", "10.0.0.1:1", false),
  ])
  func addresses(_ text: String, _ printed: String, _ isLoopback: Bool) throws {
    let address = try #require(ListenAddress(text))
    #expect(address.description == printed)
    #expect(address.isLoopback == isLoopback)
  }

  @Test(arguments: [
    "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80", "[::1]", "example.com:80", ":80", "",
  ])
  func notAddresses(_ text: String) { #expect(ListenAddress(text) == nil) }
}

@Suite struct TokenTests {
  @Test func tokensComeAndGo() {
    let tokens = Tokens()
    func caller(_ token: String) -> Caller? {
      let bytes = Array(token.utf8)
      return bytes.withUnsafeBytes { tokens.caller(presenting: $0) }
    }
    #expect(caller("") == nil)
    tokens.add("a", for: .operator)
    let issued = tokens.add("b", for: .bearer(subject: "worker"))
    tokens.add("c", for: .bearer(subject: "worker"))
    #expect(caller("a") == .operator)
    #expect(caller("b") == .bearer(subject: "worker"))
    tokens.remove(issued)
    #expect(caller("b") == nil)
    #expect(caller("c") == .bearer(subject: "worker"))
    #expect(caller("a") == .operator)
  }

  @Test func newTokensAreLongAndDiffer() {
    let tokens = (0..<100).map { _ in Tokens.make() }
    #expect(tokens.allSatisfy { $0.utf8.count == 43 })
    #expect(Set(tokens).count == 100)
  }
}
