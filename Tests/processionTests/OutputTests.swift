import Linux
import Testing

/// What a process writes, as its readers get it.
@Suite struct OutputTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func bothStreamsAreFollowedWhileTheProcessRuns() throws {
    let name = try client.shell("echo out; echo err >&2; sleep 1; exit 7")
    let out = try client.open("GET", "/v1/processes/\(name)/output?stream=stdout&follow=true")
    let err = try client.open("GET", "/v1/processes/\(name)/output?stream=stderr&follow=true")
    #expect(out.text(until: "\n") == "out\n")
    #expect(err.text(until: "\n") == "err\n")
    #expect(try client.process(name)["is_alive"] == .bool(true))
    #expect(out.next() == nil && out.isWhole)
    #expect(err.next() == nil && err.isWhole)
    let ended = try client.join(name)
    #expect(ended["exitcode"] == .number(7))
    #expect(ended["exit"]["code"] == .number(7))
    #expect(ended["exit"]["signal"] == .null)
  }
}
