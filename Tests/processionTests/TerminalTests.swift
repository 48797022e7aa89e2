import Glibc
import Linux
import Testing

/// Terminals, driven over HTTP.
@Suite struct TerminalTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  private static let program =
    String(#filePath.dropLast("processionTests/TerminalTests.swift".count)) + "Programs/screen.py"

  private func type(_ text: String, into name: String) throws {
    let answer = try client.request("POST", "/v1/processes/\(name)/stdin", [:], Array(text.utf8))
    #expect(answer.status == 200 && answer.json["complete"] == .bool(true), "\(answer.text)")
  }

  /// What a terminal shows that is attached at `offset`.
  private func screen(of name: String, rows: Int, columns: Int, from offset: Int = 0) throws -> Screen {
    var screen = Screen(rows: rows, columns: columns)
    screen.show(try client.output(name, "offset=\(offset)").text)
    return screen
  }

  @Test func aFullScreenProgramIsDriven() throws {
    let name = try client.start(
      ["/usr/bin/env", "python3", Self.program], #""tty":{"rows":10,"cols":40},"env":{"TERM":"vt100"}"#)
    func shows(_ text: String, rows: Int = 10, columns: Int = 40, from offset: Int = 0) throws -> Bool {
      try screen(of: name, rows: rows, columns: columns, from: offset).text.contains(text)
    }
    try #require(eventually { (try? shows("size: 10x40")) == true })
    try type("hellp\u{1B}ODo", into: name)  // The arrow to the left takes the last letter away.
    try #require(eventually { (try? shows("typed: hello")) == true })
    let before = try screen(of: name, rows: 10, columns: 40)
    #expect(before.lines.count == 10 && before.lines[8].hasSuffix("here x") || before.lines[8].contains("here"))
    #expect(before.lines[1].dropFirst().hasPrefix(" typed: hello"))
    #expect(before.lines[2].dropFirst().hasPrefix(" size: 10x40"))

    // Who comes late sees the same.
    #expect(try screen(of: name, rows: 10, columns: 40).text == before.text)

    let end = try #require(try client.process(name)["output"]["stdout"]["end"].int)
    let resized = try client.post("/v1/processes/\(name)/resize", #"{"rows":16,"cols":60}"#)
    #expect(resized.status == 200 && resized.json["tty"] == Value(#"{"rows":16,"cols":60}"#))
    try #require(eventually { (try? shows("size: 16x60", rows: 16, columns: 60, from: end)) == true })
    try type("!", into: name)
    try #require(eventually { (try? shows("hello!", rows: 16, columns: 60, from: end)) == true })
    let after = try screen(of: name, rows: 16, columns: 60, from: end)
    #expect(after.lines[14].contains("here"), "\(after.text)")

    try type("\u{4}", into: name)
    let ended = try client.join(name)
    #expect(ended["exitcode"] == .number(0) && ended["tty"]["rows"] == .number(16))
  }

  @Test func severalWatchWhatOneTypes() throws {
    let name = try client.shell("read line; echo \"<$line>\"; exec sleep 100", #""tty":{"rows":24,"cols":80}"#)
    let watchers = try (0..<3).map { _ in try client.open("GET", "/v1/processes/\(name)/output?follow=true") }
    try type("hello\n", into: name)
    for watcher in watchers { #expect(watcher.text(until: "<hello>").hasPrefix("hello\r\n<hello>")) }
    let late = try client.open("GET", "/v1/processes/\(name)/output?follow=true&offset=-9")
    #expect(late.text(until: ">").contains("<hello>"))
    try type("\u{3}", into: name)
    #expect(try client.join(name)["exitcode"] == .number(-2), "^C is SIGINT to the foreground")
  }

  @Test func aPausedTerminalIsATreeToo() throws {
    let name = try client.shell("exec cat", #""tty":{"rows":24,"cols":80}"#)
    #expect(try client.post("/v1/processes/\(name)/pause").json["running"] == .array([]))
    try type("later\n", into: name)
    #expect(try client.post("/v1/processes/\(name)/resume").status == 200)
    try client.wait(for: "later\r\nlater\r\n", from: name)
    let ended = try client.post("/v1/processes/\(name)/stop").json
    #expect(ended["process"]["state"] == .text("stopped") && ended["killed"] == .array([]))
  }

  @Test func aProcessOfAnotherUserMayOpenItByName() throws {
    guard getuid() == 0 else { return #expect(try client.shell("tty >$(tty)", #""tty":{"rows":1,"cols":1}"#) != "") }
    let name = try client.shell("echo by name >$(tty)", #""user":"nobody","tty":{"rows":24,"cols":80}"#)
    #expect(try client.join(name)["exitcode"] == .number(0))
    #expect(try client.output(name).text == "by name\r\n")
  }
}
