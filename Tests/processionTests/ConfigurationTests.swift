import Glibc
import Linux
import Testing

/// Options by flag, environment and file; what stops a start; and `procession health`.
@Suite struct ConfigurationTests {
  /// Which of several quotas is in force shows who set it.
  private func quota(_ arguments: [String], _ environment: [String]) throws -> Int {
    let daemon = try DaemonUnderTest(arguments, environment: environment)
    for count in 0..<10 {
      let answer = try daemon.client.post("/v1/processes", #"{"command":["/bin/true"],"start":false}"#)
      if answer.status == 429 { return count }
    }
    return 10
  }

  @Test func aFlagWinsOverTheEnvironmentAndThatOverTheFile() throws {
    let file = try makeTemporaryFolder()
    defer { removeFolder(file) }
    write(#"{"max_processes": 1, "max_waiters": 5, "host": ["a.example", "b.example"]}"#, to: file + "/c.json")
    let config = "--config=\(file)/c.json"
    #expect(try quota([config], []) == 1)
    #expect(try quota([config], ["PROCESSION_MAX_PROCESSES=2"]) == 2)
    #expect(try quota([config, "--max-processes=3"], ["PROCESSION_MAX_PROCESSES=2"]) == 3)
    #expect(try quota([], ["PROCESSION_CONFIG=\(file)/c.json"]) == 1)
    #expect(try quota([], []) == 10)
    let daemon = try DaemonUnderTest([config])
    let client = Client(daemon.tcp, token: daemon.token)
    #expect(try client.get("/healthz", ["Host": "b.example:1"]).status == 200)
    #expect(try client.get("/healthz", ["Host": "c.example"]).status == 403)
  }

  /// What stops a start is said on stderr, and nothing listens.
  private func refusal(_ arguments: [String], in folder: String) throws -> String {
    let port = "--listen=127.0.0.1:0"
    let command = ["/usr/bin/timeout", "20", binary, "serve", "--data=\(folder)"]
    let ended = try run(command + (arguments.contains { $0.hasPrefix("--listen") } ? [] : [port]) + arguments)
    #expect(ended.code != 0 && ended.code != 124, "\(arguments): \(ended.text)")
    #expect(!ended.text.contains("listens on"), "\(arguments)")
    #expect(!names(in: folder).contains("procession.sock"), "\(arguments)")
    return ended.text
  }

  @Test func badOptionsStopTheStart() throws {
    let folder = try makeTemporaryFolder()
    defer { removeFolder(folder) }
    write(#"{"max_procesess": 1}"#, to: folder + "/typo.json")
    write(#"{"#, to: folder + "/broken.json")
    #expect(try refusal(["--config=\(folder)/typo.json"], in: folder).contains("/max_procesess: unknown field"))
    #expect(try refusal(["--config=\(folder)/broken.json"], in: folder).contains("broken.json"))
    #expect(try refusal(["--config=\(folder)/none.json"], in: folder).contains("cannot read"))
    #expect(try refusal(["--max-processes=0"], in: folder).contains("--max-processes must be 1 or more"))
    #expect(try refusal(["--grace=-1"], in: folder).contains("grace"))
    #expect(try refusal(["--listen=example.org:1"], in: folder).contains("not HOST:PORT"))
    #expect(try refusal(["--listen=none", "--socket=none"], in: folder).contains("nowhere to listen"))
    #expect(try refusal(["--log-level=loud"], in: folder).contains("log-level"))
    #expect(try refusal(["--wish=1"], in: folder).contains("wish"))
  }

  @Test func othersAreNotReachedUnasked() throws {
    let folder = try makeTemporaryFolder()
    defer { removeFolder(folder) }
    let text = try refusal(["--listen=0.0.0.0:0"], in: folder)
    #expect(text.contains("--insecure-listen"))
    #expect(try refusal(["--listen=127.0.0.1:0", "--listen=[::]:0"], in: folder).contains("--insecure-listen"))
  }

  @Test func healthAsksTheDaemon() throws {
    let daemon = try DaemonUnderTest()
    let well = try run([binary, "health", "--data=\(daemon.data)", "--listen=none"])
    #expect(well.code == 0 && well.text == "")
    let port =
      "127.0.0.1"
      + (daemon.greeting.firstRange(of: "127.0.0.1").map { range in
        String(daemon.greeting[range.upperBound...].prefix { $0 == ":" || $0.isNumber })
      } ?? "")
    #expect(try run([binary, "health", "--socket=none", "--listen=\(port)"]).code == 0)
    #expect(daemon.stop() == 0)
    let ill = try run([binary, "health", "--data=\(daemon.data)", "--listen=\(port)"])
    #expect(ill.code == 1 && ill.text.contains("no healthy service"))
    // One that takes connections and says nothing is not well.
    let silent = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    defer { close(silent) }
    try #require(listen(silent, 1) == 0)
    var name = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(silent, $0, &size) }
    }
    let silentPort = "127.0.0.1:\(UInt16(bigEndian: name.sin_port))"
    #expect(try run([binary, "health", "--socket=none", "--listen=\(silentPort)", "--timeout=0.2"]).code == 1)
  }

  @Test func versionAndHelpStartNothing() throws {
    #expect(try run([binary, "version"]).text.hasPrefix("procession "))
    #expect(try run([binary, "--help"]).text.contains("USAGE"))
    #expect(try run([binary, "serve", "--help"]).text.contains("--insecure-listen"))
  }
}

@Suite struct DescriptorTests {
  private static let hard: rlim_t = {
    var limits = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
    return limits.rlim_max
  }()

  /// Grown later, it would hold up everybody each time.
  @Test(.enabled(if: hard >= 8192, "so many descriptors are not allowed here"))
  func theirTableIsAsLargeAsItGetsFromTheStart() throws {
    let daemon = try DaemonUnderTest(["--max-connections=3000", "--max-running=100"])
    let size = field("FDSize", in: contents(of: "/proc/\(daemon.pid)/status")).flatMap { Int($0) }
    #expect(try #require(size) >= 3400)
  }
}
