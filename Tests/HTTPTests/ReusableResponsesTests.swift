import Glibc
import Linux
import Testing

@testable import HTTP

/// Responses of one type and length share one of the library's: nobody gets another's body.
@Suite struct ReusableResponsesTests {
  private func body(_ number: Int) -> String {
    String(number) + String(repeating: ".", count: 1000 - String(number).utf8.count)
  }

  private var echo: Route {
    Route(.get, "/v1/echo/{number}", "echo") { [self] request in
      .now(.text(body(Int(request.parameter(0).text) ?? 0)))
    }
  }

  @Test func whoeverReadsNothingKeepsWhatIsHis() throws {
    let server = try TestServer([echo])
    let count = 8_000
    let slow = try server.connect()
    let fd = slow.fd
    let sending = try Thread("sender") {
      let requests = (0..<count).map { TestServer.head("GET /v1/echo/\($0)") }.joined()
      #expect(RawClient.send(Array(requests.utf8), on: fd))
    }
    // One of its responses is stuck for all that time.
    let others = try (0..<4).map { _ in try server.connect() }
    for number in 0..<2_000 {
      let other = others[number % others.count]
      other.send(TestServer.head("GET /v1/echo/\(100_000 + number)"))
      #expect(other.response()?.text == body(100_000 + number))
    }
    let all = slow.read(seconds: 60) { $0.suffix(1000).elementsEqual(body(count - 1).utf8) }
    sending.join()
    let pieces = String(decoding: all, as: UTF8.self).split(separator: "\r\n\r\n").dropFirst()
    #expect(pieces.map { Int($0.prefix { $0 != "." }) } == Array(0..<count))
  }

  @Test func typesAndLengthsAreNotMixedUp() throws {
    let types = ["text/plain", "text/html!", "application/json", "application/octet-stream"]
    let route = Route(.get, "/v1/some/{type}/{count}", "some") { request in
      let type = types[Int(request.parameter(0).text) ?? 0]
      let count = Int(request.parameter(1).text) ?? 0
      return .now(Response(200, contentType: type, .bytes(Bytes(String(repeating: "\(count % 10)", count: count)))))
    }
    let server = try TestServer([route])
    let client = try server.connect()
    for count in [0, 1, 2, 127, 128, 129, 255, 256, 1000, 1023, 1024, 1025, 1152, 5000] {
      for _ in 0..<2 {
        for (index, type) in types.enumerated() {
          client.send(TestServer.head("GET /v1/some/\(index)/\(count)"))
          let response = client.response()
          #expect(response?["content-type"] == type)
          #expect(response?.text == String(repeating: "\(count % 10)", count: count))
        }
      }
    }
  }

  @Test func aClientThatLeavesGivesItBack() throws {
    let server = try TestServer([echo])
    for _ in 0..<50 {
      let leaver = try server.connect()
      leaver.send(TestServer.head("GET /v1/echo/1"))
      leaver.leave()
      let client = try server.connect()
      client.send(TestServer.head("GET /v1/echo/2"))
      #expect(client.response()?.text == body(2))
    }
  }
}
