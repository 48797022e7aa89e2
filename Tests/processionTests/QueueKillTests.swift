import Testing

/// 200 client processes on one queue, of which SIGKILL ends half.
@Suite struct QueueKillTests {
  @Test(
    .timeLimit(.minutes(5)), arguments: [("reserve", 20_000), ("gone", 20_000), ("get", 5000)])
  func noMessageDiesWithAClient(mode: String, messages: Int) throws {
    let daemon = try DaemonUnderTest()
    let tests = #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
    let url = try #require(daemon.greeting.split(separator: " ").first { $0.hasPrefix("http://") })
    let (code, text) = try run([
      "/usr/bin/python3", tests + "/Stress/kill_clients.py", String(url), daemon.data + "/token", "--mode", mode,
      "--messages", "\(messages)",
    ])
    #expect(code == 0, "\(text)")
    #expect(text.contains("\(mode): \(messages) messages, 200 clients, 100 killed"))
  }
}
