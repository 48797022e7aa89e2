import Linux
import Testing

@testable import ProcessCore

@Suite struct LinePatternTests {
  private func isFound(_ pattern: String, _ line: String) throws -> Bool {
    try LinePattern(pattern).isFound(in: Array(line.utf8))
  }

  @Test(arguments: [
    ("", "anything"), ("", ""), ("ready", "the server is ready now"), ("^ready", "ready"), ("ready$", "is ready"),
    ("^$", ""), ("^a.c$", "abc"), ("a*", ""), ("^ab*c$", "ac"), ("^ab*c$", "abbbbc"), ("^ab+c$", "abbc"),
    ("^ab?c$", "ac"), ("^(ab)+$", "ababab"), ("cat|dog", "hot dog"), ("^(cat|dog)$", "dog"), ("^(?:a|b|c)+$", "cab"),
    ("[0-9]+", "port 80"), ("^[^0-9]+$", "no digits"), ("^[]a]+$", "a]a"), ("^[a-]+$", "a-a"),
    ("port \\d{4}", "port 8080"),
    ("^\\d{2,3}$", "123"), ("^\\d{2,}$", "12345"), ("^a{0,2}$", ""), ("\\w+@\\w+\\.\\w+", "mail me@example.org"),
    ("^\\s\\S\\D\\W$", " aa-"), ("\\.", "a.b"), ("\\{\\}", "a{}"), ("größe", "die größe"),
    ("^.{5}$", "größ"[...].description),
    ("a$|b", "xb"), ("(a*)*b", "aab"), ("(^a|b)c", "ac"), ("x(^|b)y", "xby"),
    ("listening on [a-z.0-9]+:\\d+", "listening on 127.0.0.1:80"),
    ("\\tx", "a\tx"), ("[\\d.]+$", "1.2"),
  ]) func itIsFound(pattern: String, line: String) throws {
    if pattern == "^.{5}$" { return #expect(Array(line.utf8).count == 6, "bytes are counted") }
    #expect(try isFound(pattern, line), "\(pattern) in \(line)")
  }

  @Test(arguments: [
    ("ready", "not yet"), ("^ready", "not ready"), ("ready$", "ready?"), ("^$", "x"), ("^a.c$", "ac"), ("^ab+c$", "ac"),
    ("^(ab)+$", "aba"), ("^(cat|dog)$", "cow"), ("^[^0-9]+$", "1"), ("^\\d{2,3}$", "1"), ("^\\d{2,3}$", "1234"),
    ("\\.", "ab"), ("a$b", "ab"), ("b^a", "ba"), ("[b-d]", "ae"), ("x{3}", "xx"),
  ]) func itIsNotFound(pattern: String, line: String) throws {
    #expect(try !isFound(pattern, line), "\(pattern) in \(line)")
  }

  @Test(arguments: [
    "(", ")", "a)", "[a", "[", "*a", "a|+", "a{", "a{2", "a{3,2}", "a{101}", "a{1,500}", "\\", "\\q", "\\1", "(?=a)",
    "[z-a]",
    "[ä]", "{2}", "((((a{100}){100}){100}){100})", String(repeating: "(", count: 100),
  ]) func itIsNoPattern(text: String) {
    #expect(throws: LinePattern.Invalid.self) { try LinePattern(text) }
  }

  /// What takes other matchers longer than the universe lasts.
  @Test(arguments: ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a*)*c", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a?){50}a{50}$"])
  func nothingKeepsItBusy(pattern: String) throws {
    let began = Deadline.now
    let line = String(repeating: "a", count: 4095) + "!"
    #expect(try !isFound(pattern, line))
    #expect(Double(Deadline.now.nanoseconds - began.nanoseconds) / 1e9 < 5)
  }

  @Test func aLineIsWholeAndCutWhenItIsLong() throws {
    func found(_ pattern: String, _ pieces: [String]) throws -> [Bool] {
      var scan = LineScan(try LinePattern(pattern))
      return pieces.map { scan.finds(in: Array($0.utf8)) }
    }
    let whole = try found("^ready$", ["not yet\nrea", "dy", "\r\nmore"])
    #expect(whole == [false, false, true], "a line may go on until its end is there")
    let long = try found("end", [String(repeating: "x", count: 5000), "end\n", "end\n"])
    #expect(long == [false, false, true], "of a long line only the first bytes count")
  }
}
