import Testing

/// What the running daemon answers is what openapi.yaml says.
struct SchemaTests {
  @Test(.timeLimit(.minutes(2)))
  func everyOperationAnswersAsItIsSpecified() throws {
    let daemon = try DaemonUnderTest()
    let tests = #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
    let url = try #require(daemon.greeting.split(separator: " ").first { $0.hasPrefix("http://") })
    let (code, text) = try run([
      "/usr/bin/python3", tests + "/Conformance/check_schemas.py", String(url), daemon.data + "/token",
    ])
    #expect(code == 0, "\(text)")
    #expect(text.contains(" passed, 0 failed"))
  }
}
