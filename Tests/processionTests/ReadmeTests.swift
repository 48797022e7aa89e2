import Glibc
import Testing

/// The README's tours, run as they are printed.
@Suite struct ReadmeTests {
  @Test(arguments: [("tour", 20), ("primitives", 4), ("supervision", 4), ("signals", 17)])
  func aTourGivesWhatItSays(name: String, answers: Int) throws {
    let readme = contents(of: String(#filePath.dropLast("Tests/processionTests/ReadmeTests.swift".count)) + "README.md")
    let blocks = readme.split(separator: "```sh \(name)\n").dropFirst().compactMap {
      $0.split(separator: "\n```").first
    }
    try #require(blocks.count == 1)
    let lines = blocks[0].split(separator: "\n", omittingEmptySubsequences: false)
    let expected = lines.filter { $0.hasPrefix("#=> ") }.map { $0.dropFirst(4) }
    try #require(lines.count > 25 && expected.count == answers, "the tour was found whole")

    // Where the service of an ordinary user keeps its socket.
    let home = try makeTemporaryFolder()
    let data = ["/.local", "/state", "/procession"].reduce(home) { path, name in
      mkdir(path + name, 0o700)
      return path + name
    }
    let daemon = try DaemonUnderTest(data: data)
    let script = home + "/tour.sh"
    write("cd \(home)\n" + lines.joined(separator: "\n") + "\n", to: script)
    let tour = try run(
      ["/bin/bash", "-eu", script], environment: ["HOME=\(home)", "PATH=/usr/local/bin:/usr/bin:/bin"])
    #expect(tour.code == 0)
    #expect(tour.text.split(separator: "\n") == expected)
    daemon.stop()
    _ = try run(["/bin/rm", "-r", home])
  }
}
