import Glibc
import Testing

/// The README's tour, run as it is printed.
@Suite struct ReadmeTests {
  @Test func theTourGivesWhatItSays() throws {
    let readme = contents(of: String(#filePath.dropLast("Tests/processionTests/ReadmeTests.swift".count)) + "README.md")
    let blocks = readme.split(separator: "```sh tour\n").dropFirst().compactMap { $0.split(separator: "\n```").first }
    try #require(blocks.count == 1)
    let lines = blocks[0].split(separator: "\n")
    let expected = lines.filter { $0.hasPrefix("#=> ") }.map { $0.dropFirst(4) }
    try #require(lines.count > 40 && expected.count == 15, "the tour was found whole")

    // Where the service of an ordinary user keeps its socket.
    let home = try makeTemporaryFolder()
    let data = ["/.local", "/state", "/procession"].reduce(home) { path, name in
      mkdir(path + name, 0o700)
      return path + name
    }
    let daemon = try DaemonUnderTest(data: data)
    let script = home + "/tour.sh"
    write(lines.joined(separator: "\n") + "\n", to: script)
    let tour = try run(
      ["/bin/bash", "-eu", script], environment: ["HOME=\(home)", "PATH=/usr/local/bin:/usr/bin:/bin"])
    #expect(tour.code == 0)
    #expect(tour.text.split(separator: "\n") == expected)
    daemon.stop()
    _ = try run(["/bin/rm", "-r", home])
  }
}
