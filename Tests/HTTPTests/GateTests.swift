import Linux
import Testing

@testable import HTTP

/// The gate alone, without a socket: each row is a request head and the status that it gets, 0 when it may pass.
@Suite struct GateTests {
  struct Head: Sendable, CustomTestStringConvertible {
    var method = "GET"
    var target = "/v1/queues"
    var version = "HTTP/1.1"
    var fields: [(String, String)] = [("Host", "localhost")]
    var isUnix = false
    let status: Int

    var testDescription: String { "\(method) \(target) \(version) \(fields) → \(status)" }

    init(_ method: String, _ target: String, _ status: Int) {
      self.method = method
      self.target = target
      self.status = status
    }

    init(_ fields: [(String, String)], _ status: Int, host: Bool = true) {
      self.fields = (host ? [("Host", "localhost")] : []) + fields
      self.status = status
    }

    init(version: String, _ status: Int, fields: [(String, String)] = [("Host", "localhost")], isUnix: Bool = false) {
      self.version = version
      self.status = status
      self.fields = fields
      self.isUnix = isUnix
    }
  }

  static let gate = Gate(hosts: ["build.example"], origins: ["https://good.example"])

  static func judge(_ head: Head) -> Int {
    // The scan keeps addresses, so the strings stay where they are until it was read.
    var storage: [UnsafeMutableRawBufferPointer] = []
    defer { for buffer in storage { buffer.deallocate() } }
    func kept(_ text: String) -> UnsafeRawBufferPointer {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
      buffer.copyBytes(from: text.utf8)
      storage.append(buffer)
      return UnsafeRawBufferPointer(buffer)
    }
    var scan = HeaderScan()
    for (name, value) in head.fields { scan.add(kept(name), kept(value)) }
    do {
      let target = kept(head.target)
      _ = try gate.check(
        method: kept(head.method), target: target, version: kept(head.version), fields: scan, isUnix: head.isUnix)
      if let mark = target.firstIndex(of: UInt8(ascii: "?")) {
        _ = try Query.parse(UnsafeRawBufferPointer(rebasing: target[(mark + 1)...]))
      }
      return 0
    } catch {
      return error.status
    }
  }

  @Test(arguments: [
    Head("GET", "/v1/queues", 0), Head("POST", "/v1/queues", 0), Head("get", "/v1/queues", 501),
    Head("BREW", "/v1/queues", 501), Head("PRI", "/v1/queues", 501), Head("OPTIONS", "/v1/queues", 0),
    Head("CONNECT", "evil:443", 405), Head("OPTIONS", "*", 405), Head("GET", "*", 405),
    Head("GET", "/", 0), Head("GET", "/v1/a.b_c~d-e", 0), Head("GET", "", 400), Head("GET", "http://evil/abs", 400),
    Head("GET", "v1", 400), Head("GET", "/a%2Fb", 400), Head("GET", "/a%00b", 400), Head("GET", "/%2e%2e/etc", 400),
    Head("GET", "/../etc", 400), Head("GET", "/a/..", 400), Head("GET", "/a/.", 400), Head("GET", "/./a", 400),
    Head("GET", "//x", 400), Head("GET", "/a//b", 400), Head("GET", "/a b", 400), Head("GET", "/a\u{e9}", 400),
    Head("GET", "/a\\b", 400), Head("GET", "/a;b", 400), Head("GET", "/a#b", 400), Head("GET", "/a\u{1}", 400),
    Head("GET", "/" + String(repeating: "a", count: 2047), 0),
    Head("GET", "/" + String(repeating: "a", count: 2048), 414),
  ])
  func methodsAndPaths(_ head: Head) { #expect(Self.judge(head) == head.status) }

  @Test(arguments: [
    Head("GET", "/a?x=1&y=%20+", 0), Head("GET", "/a?x", 0), Head("GET", "/a?x=1&x=2", 400), Head("GET", "/a?=1", 400),
    Head("GET", "/a?", 0), Head("GET", "/a?x=1&", 400), Head("GET", "/a?x=%00", 400), Head("GET", "/a?x=%zz", 400),
    Head("GET", "/a?x=%f", 400), Head("GET", "/a?x=%", 400), Head("GET", "/a?x=%ff", 400),
    Head("GET", "/a?x=%c3%a9", 0),
    Head("GET", "/a?x%3d=1", 0), Head("GET", "/a?%78=1&x=2", 400), Head("GET", "/a?x=a b", 400),
  ])
  func queries(_ head: Head) { #expect(Self.judge(head) == head.status) }

  @Test(arguments: [
    Head(version: "HTTP/1.1", 0), Head(version: "HTTP/1.0", 0), Head(version: "HTTP/1.9", 505),
    Head(version: "HTTP/2.0", 505), Head(version: "HTTP/0.9", 505), Head(version: "http/1.1", 505),
    Head(version: "", 505),
    Head(version: "HTTP/1.0", 400, fields: []), Head(version: "HTTP/1.1", 400, fields: []),
    Head(version: "HTTP/1.0", 0, fields: [], isUnix: true), Head(version: "HTTP/1.1", 400, fields: [], isUnix: true),
    Head(version: "HTTP/1.0", 400, fields: [("Host", "localhost"), ("Transfer-Encoding", "chunked")]),
  ])
  func versions(_ head: Head) { #expect(Self.judge(head) == head.status) }

  @Test(arguments: [
    Head([("Host", "127.0.0.1:8080")], 0, host: false), Head([("Host", "[::1]:8080")], 0, host: false),
    Head([("Host", "[::1]")], 0, host: false), Head([("Host", "LocalHost")], 0, host: false),
    Head([("host", "build.example:1")], 0, host: false), Head([("Host", "evil.com")], 403, host: false),
    Head([("Host", "0.0.0.0:8080")], 403, host: false), Head([("Host", "localhost.evil.com")], 403, host: false),
    Head([("Host", "localhost:x")], 400, host: false), Head([("Host", "")], 400, host: false),
    Head([("Host", "a/b")], 400, host: false), Head([("Host", "localhost")], 400),
    Head(version: "HTTP/1.1", 0, fields: [("Host", "docker")], isUnix: true),
    Head(version: "HTTP/1.1", 400, fields: [("Host", "a@b")], isUnix: true),
  ])
  func hosts(_ head: Head) { #expect(Self.judge(head) == head.status) }

  @Test(arguments: [
    Head([("Content-Length", "4"), ("Transfer-Encoding", "chunked")], 400),
    Head([("Content-Length", "5"), ("Content-Length", "3")], 400),
    Head([("Content-Length", "5"), ("Content-Length", "5")], 400),
    Head([("Transfer-Encoding ", "chunked"), ("Content-Length", "4")], 400),
    Head([("Transfer-Encoding", "xchunked")], 501), Head([("Transfer-Encoding", "identity")], 501),
    Head([("Transfer-Encoding", "chunked ")], 501), Head([("Transfer-Encoding", "gzip, chunked")], 501),
    Head([("Transfer-Encoding", "chunked"), ("transfer-encoding", "chunked")], 400),
    Head([("Transfer-Encoding", "Chunked")], 0), Head([("Content-Length", "+5")], 400),
    Head([("Content-Length", "0x5")], 400), Head([("Content-Length", "5, 5")], 400),
    Head([("Content-Length", "")], 400),
    Head([("Content-Length", "-1")], 400), Head([("Content-Length", "18446744073709551615")], 0),
    Head([("Content-Encoding", "gzip")], 415), Head([("Content-Encoding", "identity")], 0),
    Head([("Expect", "100-continue")], 0), Head([("Expect", "200-ok")], 417),
  ])
  func framing(_ head: Head) { #expect(Self.judge(head) == head.status) }

  @Test(arguments: [
    Head([("", "x")], 400), Head([("A b", "x")], 400), Head([("A\u{1}", "x")], 400), Head([("A:", "x")], 400),
    Head([("A", "x\ry")], 400), Head([("A", "x\u{7f}")], 400), Head([("A", "x\ty")], 0), Head([("A", "\u{e9}")], 0),
    Head((0..<63).map { ("X-\($0)", "y") }, 0), Head((0..<64).map { ("X-\($0)", "y") }, 431),
    Head([("A", String(repeating: "x", count: 8100))], 0), Head([("A", String(repeating: "x", count: 8200))], 431),
    Head([("Authorization", "Bearer a"), ("Authorization", "Bearer a")], 400),
    Head([("Content-Type", "a/b"), ("Content-Type", "a/b")], 400),
  ])
  func fields(_ head: Head) { #expect(Self.judge(head) == head.status) }

  @Test(arguments: [
    Head([("Origin", "https://good.example")], 0), Head([("Origin", "https://evil.example")], 403),
    Head([("Origin", "null")], 403), Head([("Origin", "")], 403), Head([("Origin", "https://good.example.evil")], 403),
    Head([("Sec-Fetch-Site", "cross-site")], 403), Head([("Sec-Fetch-Site", "same-site")], 403),
    Head([("Sec-Fetch-Site", "same-origin")], 0), Head([("Sec-Fetch-Site", "none")], 0),
  ])
  func origins(_ head: Head) { #expect(Self.judge(head) == head.status) }

  @Test func aContentLengthBeyondAllNumbersIsTooLarge() throws {
    var scan = HeaderScan()
    let name = Array("Content-Length".utf8)
    let value = Array("99999999999999999999999".utf8)
    name.withUnsafeBytes { name in value.withUnsafeBytes { value in scan.add(name, value) } }
    #expect(scan.contentLength == .max)
    #expect(throws: Problem.self) { _ = try BodyRule.payload.check(scan, .post, maxBody: 1, maxMessage: 1) }
  }

  @Test func aQueryIsDecoded() throws {
    let raw = Array("timeout=1.5&name=a+b%2Bc&block".utf8)
    let query = try raw.withUnsafeBytes { (raw) throws(Problem) in try Query.parse(raw) }
    #expect(query["timeout"] == "1.5")
    #expect(query["name"] == "a b+c")
    #expect(query["block"] == "")
    #expect(query["other"] == nil)
    #expect(query.parameters.map(\.name) == ["timeout", "name", "block"])
  }
}
