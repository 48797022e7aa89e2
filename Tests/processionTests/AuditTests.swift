import Glibc
import Testing

/// The log: one JSON object on one line for each change and each refused login, whatever came from outside.
@Suite struct AuditTests {
  private func lines(_ daemon: DaemonUnderTest) -> [Value] {
    daemon.log.split(separator: "\n").map { Value(String($0)) }
  }

  @Test func eachChangeIsOneLine() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let name = try client.shell("sleep 60")
    _ = try client.signal(name, "SIGCONT")
    _ = try Client(daemon.tcp, token: daemon.token).post("/v1/processes/\(name)/kill")
    try client.join(name)
    _ = try client.delete("/v1/processes/\(name)")
    _ = try client.get("/v1/processes")
    func audits() -> [Value] { lines(daemon).filter { $0["message"] == .text("audit") } }
    #expect(eventually { audits().count >= 4 })
    let told = audits()
    #expect(
      told.map { $0["operation"].text } == ["createProcess", "signalProcess", "killProcess", "deleteProcess"])
    #expect(told.allSatisfy { $0["caller"] == .text("operator") && $0["at"].text?.hasSuffix("Z") == true })
    #expect(told.first?["peer"] == .text("unix:uid=\(geteuid()),pid=\(getpid())"))
    #expect(told.first?["status"] == .text("201"))
    try #require(told.count == 4)
    #expect(told[2]["peer"].text?.hasPrefix("127.0.0.1:") == true)
    #expect(told[2]["target"] == .text("/v1/processes/\(name)/kill"))
  }

  @Test func eachRefusalIsOneLine() throws {
    let daemon = try DaemonUnderTest()
    _ = try Client(daemon.tcp).get("/v1/processes?a=b")
    _ = try Client(daemon.tcp, token: "wrong-token-of-somebody").post("/v1/processes/x/kill")
    _ = try Client(daemon.tcp, token: daemon.token).get("/v1/state", ["Host": "evil.com"])
    func refusals() -> [Value] { lines(daemon).filter { $0["message"] == .text("refused") } }
    #expect(eventually { refusals().count >= 3 })
    #expect(refusals().map { $0["status"].text } == ["401", "401", "403"])
    #expect(refusals().map { $0["code"].text } == ["Unauthorized", "Unauthorized", "ForeignHost"])
    #expect(refusals().first?["peer"].text?.hasPrefix("127.0.0.1:") == true)
    #expect(!daemon.log.contains("wrong-token-of-somebody"))
  }

  /// Every line is an object still, and no byte of it steers a terminal.
  @Test func nothingFromOutsideMakesALineOfItsOwn() throws {
    let daemon = try DaemonUnderTest()
    let nobody = Client(daemon.tcp)
    let fake = #"{"level":"notice","message":"fake"}"#
    _ = try daemon.client.post(
      "/v1/processes", "{\"command\":[\"/bin/true\"],\"name\":\(quoted("a\n\(fake)\u{1B}[2J"))}")
    _ = try nobody.raw("GET /\u{1B}[2J?\u{1} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    _ = try nobody.raw("GET /v1/x HTTP/1.1\r\nHost: e\u{1B}vil\r\nX: a\rb\u{1B}[31m\r\n\r\n")
    _ = try nobody.raw("GET /v1/\(fake) HTTP/1.1\r\nHost: localhost\r\n\r\n")
    _ = try nobody.raw("GET /v1/x?\"\\\u{80}\u{FF} HTTP/1.1\r\nHost: evil\r\n\r\n")
    _ = try nobody.raw("\u{1B}\u{0} / HTTP/1.1\r\n\n\(fake)\n\r\n")
    _ = try nobody.get("/v1/last")
    #expect(eventually { daemon.log.contains("/v1/last") })
    let log = daemon.log
    #expect(log.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F || $0 == "\n" })
    #expect(lines(daemon).allSatisfy { $0["at"].text != nil && $0["message"] != .text("fake") }, "\(log)")
    #expect(lines(daemon).count >= 3)
  }
}
