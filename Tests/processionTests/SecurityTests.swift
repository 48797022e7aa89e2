import Glibc
import Linux
import Testing

/// Who is let in, and what nobody gets to see.
@Suite struct SecurityTests {
  @Test func theTokenIsMadeOnceAndForUsAlone() throws {
    let daemon = try DaemonUnderTest()
    #expect(mode(of: daemon.data + "/token") == 0o600)
    #expect(mode(of: daemon.data + "/procession.sock") == 0o600)
    #expect(daemon.token.utf8.count == 43)
    #expect(names(in: daemon.data).sorted() == ["log", "procession.sock", "token"])
  }

  @Test func aTokenThatIsNoSecretStopsTheStart() throws {
    let folder = try makeTemporaryFolder()
    defer { removeFolder(folder) }
    let good = "0123456789abcdef0123456789abcdef"
    for (text, permissions, complaint) in [
      ("", 0o600, "fewer than 16"), ("\n\n", 0o600, "fewer than 16"), ("short", 0o600, "fewer than 16"),
      (good, 0o604, "everybody can read"), (good + "\u{1}", 0o600, "cannot carry"),
      (good + " x", 0o600, "cannot carry"),
    ] as [(String, mode_t, String)] {
      write(text, to: folder + "/token", mode: permissions)
      for arguments in [[], ["--token-file=\(folder)/token"]] {
        do {
          let daemon = try DaemonUnderTest(arguments, data: folder)
          Issue.record("started with \(quoted(text)): \(daemon.greeting)")
        } catch let error as DaemonUnderTest.DidNotStart {
          #expect(error.code == 1)
          #expect(error.log.contains(complaint), "\(quoted(text)): \(error.log)")
        }
        unlink(folder + "/log")
      }
    }
    write(good + "\n", to: folder + "/token", mode: 0o640)
    let daemon = try DaemonUnderTest(data: folder)
    #expect(try Client(daemon.tcp, token: good).get("/v1/processes").status == 200)
  }

  @Test func onlyTheWholeTokenOpens() throws {
    let daemon = try DaemonUnderTest()
    let nobody = Client(daemon.tcp)
    let token = daemon.token
    func status(_ headers: [String: String], _ path: String = "/v1/processes") throws -> Int {
      try nobody.get(path, headers).status
    }
    #expect(try status(["Authorization": "Bearer \(token)"]) == 200)
    #expect(try status(["authorization": "bearer \(token)"]) == 200)
    for value in [
      "", "Bearer", "Bearer ", token, "Bearer \(token.dropLast())", "Bearer \(token)x", "Bearer  \(token)",
      "Basic \(token)",
      "Bearer \(token) \(token)", "Bearer \(token.lowercased())",
    ] {
      #expect(try status(["Authorization": value]) == 401, "\(value.count) characters")
    }
    #expect(try status([:]) == 401)
    #expect(try status(["Cookie": "token=\(token)"]) == 401)
    #expect(try status([:], "/v1/processes?token=\(token)") == 401)
    #expect(try status([:], "/v1/no/such/path") == 401)
    let two = "Authorization: Bearer \(token)\r\n"
    let head = "GET /v1/processes HTTP/1.1\r\nHost: localhost\r\n"
    #expect(try nobody.raw(head + two + two + "\r\n").hasPrefix("HTTP/1.1 400"))
    let answer = try nobody.get("/v1/processes")
    #expect(answer["www-authenticate"] == "Bearer")
    #expect(answer.code == "Unauthorized")
    // A wrong token is wrong on the socket too, where none is needed.
    #expect(try Client(daemon.socket, token: "wrong").get("/v1/processes").status == 401)
  }

  @Test func pagesInBrowsersAreKeptOut() throws {
    let daemon = try DaemonUnderTest(["--origin=https://good.example"])
    let client = Client(daemon.tcp, token: daemon.token)
    func status(_ headers: [String: String]) throws -> Int { try client.get("/v1/processes", headers).status }
    for host in ["evil.com", "0.0.0.0:80", "localhost.evil.com", "127.0.0.2"] {
      #expect(try status(["Host": host]) == 403, "\(host)")
    }
    #expect(try status(["Host": "127.0.0.1:1"]) == 200)
    for origin in ["https://evil.com", "null", "https://good.example.evil.com", "http://good.example"] {
      #expect(try status(["Origin": origin]) == 403, "\(origin)")
      #expect(try client.get("/healthz", ["Origin": origin]).status == 403)
    }
    #expect(try status(["Origin": "https://good.example"]) == 200)
    for site in ["cross-site", "same-site"] { #expect(try status(["Sec-Fetch-Site": site]) == 403) }
    let options = try client.request("OPTIONS", "/v1/processes", ["Access-Control-Request-Method": "POST"])
    #expect(options.status == 405)
    for answer in [options, try client.get("/v1/processes"), try client.get("/v1/none")] {
      #expect(!answer.headers.keys.contains { $0.hasPrefix("access-control-") })
      #expect(answer["x-content-type-options"] == "nosniff" && answer["cache-control"] == "no-store")
    }
  }

  @Test func otherUsersDoNotReachTheSocket() throws {
    try #require(geteuid() == 0, "only root can become somebody else")
    let daemon = try DaemonUnderTest()
    let curl = [
      "/usr/bin/curl", "-sS", "--unix-socket", daemon.data + "/procession.sock", "http://localhost/v1/processes",
    ]
    #expect(try run(curl).code == 0)
    let nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + curl
    #expect(try run(nobody).code == 7)
    // Were the folder and the socket open, the kernel would still tell who calls.
    chmod(daemon.data, 0o711)
    chmod(daemon.data + "/procession.sock", 0o666)
    let let_in = try run(nobody)
    #expect(let_in.code == 0 && Value(let_in.text)["status"] == .number(401), "\(let_in.text)")
  }

  @Test func secretsAreNowhere() throws {
    let daemon = try DaemonUnderTest(["--log-level=trace"])
    let client = Client(daemon.tcp, token: daemon.token)
    let secrets = ["s3cret-of-env", "s3cret-of-stdin", "s3cret-of-class", daemon.token]
    _ = try client.put(
      "/v1/classes/C", #"{"command":["/bin/sh","-c","echo $PROCESSION_TOKEN; sleep 60"],"env":{"C":"s3cret-of-class"}}"#
    )
    let more = #""class":"C","env":{"E":"s3cret-of-env"},"stdin":{"text":"s3cret-of-stdin"}"#
    let name = try #require(try client.post("/v1/processes", "{\(more)}").json["name"].text)
    try client.wait(for: "\n", from: name)
    let own = String(try client.output(name).text.dropLast())
    #expect(own.utf8.count == 43)
    _ = try client.post("/v1/processes", "{\(more),\"umask\":-1}")
    _ = try client.get("/v1/processes?token=\(daemon.token)")
    _ = try Client(daemon.tcp, token: own).post("/v1/processes", "{}")
    var seen = ""
    for path in [
      "/v1/processes", "/v1/processes/\(name)", "/v1/classes", "/v1/classes/C", "/v1/state", "/metrics", "/version",
      "/v1/processes/current", "/healthz",
    ] {
      let answer = try client.get(path)
      #expect(answer.status == 200, "\(path)")
      seen += answer.text
    }
    let events = try client.open("GET", "/v1/watch?after=0")
    for _ in 0..<3 { seen += "\(try #require(events.event()))" }
    #expect(eventually { daemon.log.contains(#""operation":"createProcess""#) })
    let log = daemon.log
    let proc = contents(of: "/proc/\(daemon.pid)/cmdline") + contents(of: "/proc/\(daemon.pid)/environ")
    #expect(proc.contains(daemon.data) && seen.contains(name))
    for secret in secrets + [own] {
      #expect(!seen.contains(secret), "an answer has \(secret.prefix(8))…")
      #expect(!log.contains(secret), "the log has \(secret.prefix(8))…")
      #expect(!proc.contains(secret), "/proc has \(secret.prefix(8))…")
    }
  }
}
