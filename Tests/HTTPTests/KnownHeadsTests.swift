import Glibc
import Linux
import Testing

@testable import HTTP

/// A head that was let in before is let in without being judged again, and nothing else is.
@Suite struct KnownHeadsTests {
  private let routes = [
    Route(.post, "/v1/echo/{name}", "echo", body: .payload) { request in
      let sender =
        switch request.caller {
        case .nobody: "nobody"
        case .operator: "operator"
        case .bearer(let subject): subject
        }
      let parts = [
        sender, request.method.name, request.parameter(0).text, request.contentType?.text ?? "-",
        request.sessionName?.text ?? "-", request.query["a"] ?? "-", request.body.text,
      ]
      return .now(.text(parts.joined(separator: " ")))
    },
    Route(.put, "/v1/echo/{name}", "put", body: .payload) { _ in .now(.text("put")) },
    Route(.get, "/v1/open", "open", access: .open) { request in
      .now(.text(request.caller == .nobody ? "nobody" : "known"))
    },
  ]

  private func head(
    _ line: String = "POST /v1/echo/x", _ fields: String = "", token: String? = TestServer.token, length: Int = 2
  ) -> String {
    "\(line) HTTP/1.1\r\nHost: localhost\r\n" + (token.map { "Authorization: Bearer \($0)\r\n" } ?? "")
      + "\(fields)Content-Length: \(length)\r\n\r\n"
  }

  private func ask(_ client: RawClient, _ request: String, status: Int = 200, _ answer: String?) {
    client.send(request)
    let response = client.response()
    #expect(response?.status == status, "\(request)")
    if let answer { #expect(response?.text == answer, "\(request)") }
  }

  @Test func aKnownHeadSaysTheSameAgain() throws {
    let server = try TestServer(routes)
    let clients = try (0..<3).map { _ in try server.connect() }
    let heads = [
      (head(), "operator POST x - - -"),
      (head("POST /v1/echo/other-name"), "operator POST other-name - - -"),
      (head("POST /v1/echo/x", "Content-Type: text/plain\r\n"), "operator POST x text/plain - -"),
      (head("POST /v1/echo/x", "Procession-Session: s-1\r\n"), "operator POST x - s-1 -"),
      (
        head("POST /v1/echo/x", "Procession-Session: s-2\r\nX-Pad: \(String(repeating: "p", count: 300))\r\n"),
        "operator POST x - s-2 -"
      ),
      (head("POST /v1/echo/x", token: TestServer.bearerToken), "worker POST x - - -"),
      (head("POST /v1/echo/x?a=1"), "operator POST x - - 1"),
      (head("POST /v1/echo/x?a=2"), "operator POST x - - 2"),
      // Longer than is kept.
      (
        head("POST /v1/echo/x", "Content-Type: a/b\r\nX-Pad: \(String(repeating: "p", count: 2000))\r\n"),
        "operator POST x a/b - -"
      ),
    ]
    for round in 0..<20 {
      for client in clients {
        for (head, answer) in heads { ask(client, head + "\(10 + round)", "\(answer) \(10 + round)") }
      }
    }
  }

  @Test func oneByteMoreOrLessIsAnotherHead() throws {
    let server = try TestServer(routes)
    let known = head()
    let client = try server.connect()
    for _ in 0..<3 { ask(client, known + "ab", nil) }
    let others = [
      (known.replacing(TestServer.token, with: TestServer.token.dropLast() + "x"), 401),
      (known.replacing("Host: localhost", with: "Host: elsewhere"), 403),
      (known.replacing("Content-Length: 2", with: "Content-Length: 2\r\nContent-Length: 2"), 400),
      (known.replacing("Host: localhost\r\n", with: "Host: localhost\n"), 400),
      (known.replacing("/v1/echo/x", with: "/v1/echo//"), 400),
      (known.replacing("/v1/echo/x", with: "/v1/echo/x/y"), 404),
      (known.replacing("POST", with: "PATCH"), 405),
      (known.replacing("POST", with: "POSE"), 501),
      (known.replacing("HTTP/1.1", with: "HTTP/2.1"), 505),
      (known.replacing("\r\n\r\n", with: "\r\nOrigin: http://evil\r\n\r\n"), 403),
    ]
    for (request, status) in others {
      #expect(request != known)
      let other = try server.connect()
      ask(other, known + "ab", nil)
      ask(other, request + "ab", status: status, nil)
      ask(try server.connect(), request + "ab", status: status, nil)
    }
    ask(client, known.replacing("POST", with: "PUT") + "ab", "put")
    ask(client, known + "ab", "operator POST x - - - ab")
  }

  /// Wherever it is, on a connection on which the other head came before.
  @Test func eachByteCounts() throws {
    let server = try TestServer(routes)
    for index in TestServer.token.indices {
      let client = try server.connect()
      for _ in 0..<2 { ask(client, head() + "ab", nil) }
      var token = TestServer.token
      token.replaceSubrange(index...index, with: token[index] == "x" ? "y" : "x")
      ask(client, head(token: token) + "ab", status: 401, nil)
    }
    let client = try server.connect()
    for count in 0..<40 {
      let pad = "X-Pad: \(String(repeating: "p", count: count))\r\n"
      for _ in 0..<2 { ask(client, head("POST /v1/echo/x", pad) + "ab", "operator POST x - - - ab") }
      ask(client, head("POST /v1/echo/x", pad, length: 3) + "abc", "operator POST x - - - abc")
      ask(client, head("PUT /v1/echo/xy", pad) + "ab", "put")
    }
  }

  @Test func aTokenThatIsTakenBackCountsNoMoreWhereItWasUsed() throws {
    let tokens = Tokens()
    let token = tokens.add("first", for: .operator)
    let server = Server(options: .init(), routes: routes, tokens: tokens)
    try server.start([.tcp(host: "127.0.0.1", port: 0)])
    defer { server.stop(by: .after(seconds: 2)) }
    let client = try RawClient(server.addresses[0])
    for _ in 0..<5 { ask(client, head(token: "first") + "ab", "operator POST x - - - ab") }
    tokens.remove(token)
    ask(client, head(token: "first") + "ab", status: 401, nil)
  }

  @Test func aTokenThatIsTakenBackCountsNoMore() throws {
    let tokens = Tokens()
    tokens.add("first", for: .operator)
    var second = tokens.add("second", for: .bearer(subject: "a"))
    let server = Server(options: .init(), routes: routes, tokens: tokens)
    try server.start([.tcp(host: "127.0.0.1", port: 0)])
    defer { server.stop(by: .after(seconds: 2)) }
    let client = try RawClient(server.addresses[0])
    for subject in ["b", "c", "d"] {
      for _ in 0..<3 { ask(client, head(token: "first") + "ab", "operator POST x - - - ab") }
      for _ in 0..<3 {
        let one = try RawClient(server.addresses[0])
        ask(one, head(token: "second") + "ab", nil)
        ask(one, head(token: "second") + "ab", nil)
      }
      tokens.remove(second)
      ask(try RawClient(server.addresses[0]), head(token: "second") + "ab", status: 401, nil)
      second = tokens.add("second", for: .bearer(subject: subject))
      for _ in 0..<3 { ask(client, head(token: "second") + "ab", "\(subject) POST x - - - ab") }
    }
  }

  /// The same bytes mean something else by another way.
  @Test func whoIsLetInWithoutATokenIsNotLetInFromElsewhere() throws {
    let folder = try makeTemporaryFolder()
    defer { rmdir(folder) }
    let server = try TestServer(routes, at: [.unix(path: "\(folder)/s"), .tcp(host: "127.0.0.1", port: 0)])
    let local = try RawClient(server.server.addresses[0])
    for _ in 0..<5 {
      ask(local, head(token: nil) + "ab", "operator POST x - - - ab")
      ask(try RawClient(server.server.addresses[1]), head(token: nil) + "ab", status: 401, nil)
      // An open one is open to both.
      ask(local, head("GET /v1/open", token: nil, length: 0), "known")
      ask(try RawClient(server.server.addresses[1]), head("GET /v1/open", token: nil, length: 0), "nobody")
    }
  }

  @Test func whatComesInPiecesOrAtOnceIsReadAsItIs() throws {
    let server = try TestServer(routes)
    let client = try server.connect()
    let known = head()
    for _ in 0..<3 { ask(client, known + "ab", "operator POST x - - - ab") }
    for cut in stride(from: 1, to: known.utf8.count, by: 7) {
      let bytes = Array(known.utf8)
      client.send(Array(bytes[..<cut]))
      // Until it has been read, or most likely.
      sched_yield()
      client.send(Array(bytes[cut...]) + Array("cd".utf8))
      #expect(client.response()?.text == "operator POST x - - - cd")
    }
    // The second head is not the one that came first in the same piece.
    let other = head("POST /v1/echo/y", "Content-Type: b/c\r\n", length: 3)
    for _ in 0..<3 {
      client.send(known + "ef" + other + "ghi" + known + "jk" + other + "lmn")
      let all = client.read { $0.suffix(3).elementsEqual("lmn".utf8) }
      let answers = String(decoding: all, as: UTF8.self).split(separator: "\r\n\r\n").dropFirst()
        .map { $0.split(separator: "HTTP/1.1")[0] }
      #expect(
        answers == [
          "operator POST x - - - ef", "operator POST y b/c - - ghi", "operator POST x - - - jk",
          "operator POST y b/c - - lmn",
        ])
    }
  }

  /// A body that is a known head is a body.
  @Test func aBodyIsNoHead() throws {
    let server = try TestServer(routes)
    let client = try server.connect()
    let known = head(length: 0)
    for _ in 0..<3 { ask(client, known, "operator POST x - - - ") }
    for _ in 0..<20 {
      client.send(head("POST /v1/echo/z", length: known.utf8.count))
      // Until it has been read, or most likely.
      sched_yield()
      client.send(known)
      #expect(client.response()?.text == "operator POST z - - - \(known)")
    }
    // What comes next is not taken for the head that the body was.
    client.send(
      head("POST /v1/echo/z", length: known.utf8.count) + known + head("POST /v1/echo/z", token: "wrong", length: 0))
    #expect(String(decoding: client.read(), as: UTF8.self).split(separator: " ").filter { $0 == "401" }.count == 1)
  }

  @Test func whenItDrainsAKnownHeadIsTurnedAwayToo() throws {
    let server = try TestServer(routes)
    let client = try server.connect()
    for _ in 0..<3 { ask(client, head() + "ab", nil) }
    server.server.drain()
    ask(client, head() + "ab", status: 503, nil)
  }

  @Test func manyHeadsPushOutOneAnother() throws {
    let server = try TestServer(routes)
    let client = try server.connect()
    for _ in 0..<2 {
      for number in 0..<1000 {
        ask(client, head("POST /v1/echo/\(number)") + "ab", "operator POST \(number) - - - ab")
      }
    }
  }
}
