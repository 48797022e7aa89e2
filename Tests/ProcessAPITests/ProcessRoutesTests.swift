import HTTP
import Testing

@Suite struct ProcessRoutesTests {
  let api: APIUnderTest

  init() throws { api = try APIUnderTest() }

  @Test func aProcessIsMadeStartedAndJoined() throws {
    let made = try api.post("/v1/processes", #"{"command":["/bin/sh","-c","sleep 0.5; exit 7"]}"#)
    #expect(made.status == 201 && made.headers["location"] == "/v1/processes/Process-1")
    #expect(made.contains(#""state":"running""#) && made.contains(#""exitcode":null"#))
    let joined = try api.post("/v1/processes/Process-1/join")
    #expect(joined.status == 200 && joined.contains(#""exitcode":7"#) && joined.contains(#""is_alive":false"#))
    #expect(try api.get("/v1/processes/Process-1").body == joined.body, "what is kept is what is true")
  }

  /// jansson cannot hold these, and they are named all the same.
  @Test(arguments: [
    (#"{"command":["true"],"limits":{"cpu_seconds":18446744073709551616}}"#, "/limits/cpu_seconds"),
    (#"{"command":["true"],"timeout":{"seconds":1e400}}"#, "/timeout/seconds"),
    (#"{"command":["true"],"labels":{"a\u0000b":"c"}}"#, #"/labels/a\u0000b"#),
    (#"{"command":["true"],"umask":1,"umask":2}"#, "/umask"),
  ])
  func whatJSONAllowsAndNobodyCanHoldIsNamed(document: String, pointer: String) throws {
    let refused = try api.post("/v1/processes", document)
    #expect(refused.status == 422 && refused.code == "ValueError" && refused.pointers == [pointer])
  }

  @Test func aJoinThatTimesOutIsNoError() throws {
    _ = try api.post("/v1/processes", #"{"command":["/bin/sleep","100"]}"#)
    for query in ["timeout=0.05", "timeout=0", "block=false", "block=false&timeout=100"] {
      let joined = try api.post("/v1/processes/Process-1/join?\(query)")
      #expect(joined.status == 200 && joined.contains(#""is_alive":true"#), "\(query)")
    }
    #expect(try api.post("/v1/processes/Process-1/join?timeout=-1").pointers == ["?timeout"])
    #expect(try api.post("/v1/processes/Process-1/join?timeout=nan").pointers == ["?timeout"])
    #expect(try api.post("/v1/processes/Process-1/join?timout=1").pointers == ["?timout"])
  }

  @Test func whatCannotBeStartedSaysWhichStepFailed() throws {
    let failed = try api.post("/v1/processes", #"{"command":["/no/such/file"]}"#)
    #expect(failed.status == 422 && failed.code == "SpawnError")
    #expect(failed.contains(#""step":"exec""#) && failed.contains(#""errno":"ENOENT""#))
    #expect(failed.contains(#""instance":"/v1/processes""#))
    #expect(try api.get("/v1/processes").body == #"{"items":[],"next":null}"#)
    let folder = try api.post("/v1/processes", #"{"command":["true"],"cwd":"/no/such/folder"}"#)
    #expect(folder.contains(#""step":"cwd""#) && folder.contains(#""errno":"ENOENT""#))
    #expect(try api.post("/v1/processes", #"{"command":["true"],"user":"no-such-user"}"#).pointers == ["/user"])
  }

  @Test(arguments: [
    (#"{}"#, ["/command"]),
    (#"{"command":"ls; id"}"#, ["/command"]),
    (#"{"command":[]}"#, ["/command"]),
    (#"{"command":[""]}"#, ["/command/0"]),
    (#"{"command":["a",1]}"#, ["/command/1"]),
    (#"{"command":["a\u0000"]}"#, ["/command/0"]),
    (#"{"command":["true"],"x":1}"#, ["/x"]),
    (#"{"command":["true"],"name":"../a"}"#, ["/name"]),
    (#"{"command":["true"],"name":"current"}"#, ["/name"]),
    (#"{"command":["true"],"class":"Missing"}"#, ["/class"]),
    (#"{"command":["true"],"env":{"A=B":"x"}}"#, ["/env/A=B"]),
    (#"{"command":["true"],"env":{"A":1}}"#, ["/env/A"]),
    (#"{"command":["true"],"daemon":"yes"}"#, ["/daemon"]),
    (#"{"command":["true"],"umask":"999"}"#, ["/umask"]),
    (#"{"command":["true"],"umask":512}"#, ["/umask"]),
    (#"{"command":["true"],"stdin":"file"}"#, ["/stdin"]),
    (#"{"command":["true"],"stdin":{"queue":"q"}}"#, ["/stdin/queue"]),
    (#"{"command":["true"],"stdout":"stdout"}"#, ["/stdout"]),
    (#"{"command":["true"],"stdout":{"queue":"q"}}"#, ["/stdout/queue"]),
    (#"{"command":["true"],"fds":{"2":{"array":"a"}}}"#, ["/fds/2"]),
    (#"{"command":["true"],"fds":{"3":{"array":"a"}}}"#, ["/fds/3/array"]),
    (#"{"command":["true"],"tty":{"rows":1}}"#, ["/tty/cols"]),
    (#"{"command":["true"],"tty":{"rows":0,"cols":65536}}"#, ["/tty/rows", "/tty/cols"]),
    (#"{"command":["true"],"tty":{"rows":1,"cols":1},"stdout":"null"}"#, ["/stdout"]),
    (#"{"command":["true"],"mask":["SIGSTOP"]}"#, ["/mask/0"]),
    (#"{"command":["true"],"mask":["SIGINT","SIGFOO"]}"#, ["/mask/1"]),
    (#"{"command":["true"],"restart":[]}"#, ["/restart"]),
    (#"{"command":["true"],"signals":{"SIGKILL":"ignore"}}"#, ["/signals/SIGKILL"]),
    (#"{"command":["true"],"signals":{"SIGFOO":"ignore"}}"#, ["/signals/SIGFOO"]),
    (#"{"command":["true"],"signals":{"SIGINT":"queue"}}"#, ["/signals/SIGINT"]),
    (#"{"command":["true"],"limits":{"open_files":-1}}"#, ["/limits/open_files"]),
    (#"{"command":["true"],"limits":{"memory":1}}"#, ["/limits/memory"]),
    (#"{"command":["true"],"timeout":{}}"#, ["/timeout/seconds"]),
    (#"{"command":["true"],"timeout":{"seconds":1,"signal":0}}"#, ["/timeout/signal"]),
    (#"{"command":["true"],"labels":{"a":1}}"#, ["/labels/a"]),
    (#"{"command":["true"],"start":1}"#, ["/start"]),
    (#"[]"#, [""]),
  ]) func aFieldThatIsWrongIsNamed(document: String, pointers: [String]) throws {
    let refused = try api.post("/v1/processes", document)
    #expect(refused.status == 422 && refused.pointers == pointers, "\(document): \(refused.body)")
    #expect(try api.get("/v1/processes").contains(#""items":[]"#))
  }

  @Test func whatIsNoJSONIs400() throws {
    for document in ["{", "\u{feff}{}", "nope", "{\"command\":[\"true\"]}\u{0}"] {
      #expect(try api.post("/v1/processes", document).status == 400, "\(document)")
    }
  }

  @Test(arguments: [
    "0", "-9", "65", "4294967311", "5000000000", "1.5", "null", "true", "\"SIGFOO\"", "\"\"", "[15]", "32",
  ])
  func aNumberThatIsNoSignalReachesNobody(signal: String) throws {
    _ = try api.post("/v1/processes", #"{"command":["/bin/sleep","100"]}"#)
    let refused = try api.post("/v1/processes/Process-1/signal", "{\"signal\":\(signal)}")
    #expect(refused.status == 422 && refused.pointers == ["/signal"], "\(refused.body)")
    #expect(try api.get("/v1/processes/Process-1").contains(#""is_alive":true"#))
  }

  @Test(arguments: ["15", "\"SIGTERM\"", "\"TERM\"", "\"term\""]) func aSignalHasManyNames(signal: String) throws {
    _ = try api.post("/v1/processes", #"{"command":["/bin/sleep","100"]}"#)
    #expect(try api.post("/v1/processes/Process-1/signal", "{\"signal\":\(signal)}").status == 200)
    #expect(try api.post("/v1/processes/Process-1/join").contains(#""exitcode":-15"#))
    #expect(try api.post("/v1/processes/Process-1/signal", "{\"signal\":\(signal)}").code == "NotRunning")
  }

  @Test func aSecretIsNotShown() throws {
    let made = try api.post(
      "/v1/processes", #"{"command":["/bin/sleep","100"],"env":{"KEY":"hunter2"},"stdin":{"text":"hunter3"}}"#)
    #expect(made.contains(#""env":["KEY"]"#) && made.contains(#""stdin":"text""#))
    for path in ["/v1/processes", "/v1/processes/Process-1", "/v1/state", "/v1/watch?after=0", "/metrics"] {
      let shown = try api.get(path)
      #expect(shown.status == 200 && !shown.contains("hunter"), "\(path)")
    }
  }

  @Test func aProcessMayActOnItselfAlone() throws {
    for name in ["mine", "other"] {
      _ = try api.post("/v1/processes", "{\"name\":\"\(name)\",\"command\":[\"/bin/sleep\",\"100\"]}")
    }
    #expect(try api.get("/v1/processes/current", as: .bearer(subject: "mine")).contains(#""name":"mine""#))
    #expect(try api.get("/v1/processes/current").contains(#""name":"MainProcess""#))
    #expect(try api.get("/v1/processes/other", as: .bearer(subject: "mine")).status == 200)
    #expect(try api.post("/v1/processes/other/kill", as: .bearer(subject: "mine")).status == 403)
    let more = try api.post("/v1/processes", #"{"command":["true"]}"#, as: .bearer(subject: "mine"))
    #expect(more.status == 403, "nor does it start others, with the service's rights")
    #expect(try api.post("/v1/processes/mine/kill", as: .bearer(subject: "mine")).status == 200)
    #expect(try api.get("/v1/processes/other").contains(#""is_alive":true"#))
  }

  @Test func putIsCreateOrSame() throws {
    let settings = #"{"command":["/bin/sleep","100"],"labels":{"a":"1"}}"#
    #expect(try api.call(.put, "/v1/processes/one", settings).status == 201)
    #expect(try api.call(.put, "/v1/processes/one", settings).status == 200)
    #expect(try api.call(.put, "/v1/processes/one", #"{"command":["/bin/sleep","1"]}"#).code == "AlreadyExists")
    #expect(try api.post("/v1/processes", #"{"name":"one","command":["true"]}"#).code == "AlreadyExists")
    #expect(try api.call(.put, "/v1/processes/one", #"{"name":"two","command":["true"]}"#).pointers == ["/name"])
  }

  /// The second comes while the first has not been started yet.
  @Test func severalThatWantTheSameProcessAtOnceAllGetIt() throws {
    let settings = #"{"command":["/bin/sleep","100"]}"#
    for round in 0..<20 {
      let answers = try (0..<5).map { _ in try api.answer(.put, "/v1/processes/p-\(round)", settings) }
      let results = try answers.map { try api.result($0) }
      #expect(results.filter { $0.status == 201 }.count == 1)
      #expect(results.filter { $0.status == 200 }.count == 4, "\(results.map(\.body))")
      #expect(results.allSatisfy { $0.contains(#""is_alive":true"#) })
    }
    let failing = try (0..<3).map { _ in try api.answer(.put, "/v1/processes/x", #"{"command":["/no/such"]}"#) }
    for answer in failing { #expect(try api.result(answer).code == "SpawnError") }
  }

  @Test func pagesGoThroughAllThatMatch() throws {
    for index in 0..<25 {
      let label = index % 2 == 0 ? "even" : "odd"
      _ = try api.post(
        "/v1/processes",
        "{\"name\":\"p-\(index)\",\"command\":[\"true\"],\"start\":false,\"labels\":{\"k\":\"\(label)\"}}")
    }
    var names: [String] = []
    var cursor: String? = ""
    while let next = cursor {
      let page = try api.get("/v1/processes?limit=4&label=k=odd&prefix=p-\(next.isEmpty ? "" : "&cursor=\(next)")")
      names += page.body.split(separator: "{\"name\":\"").dropFirst().map { String($0.prefix { $0 != "\"" }) }
      let last = page.body.split(separator: "\"next\":").last.map { $0.dropLast() } ?? ""
      cursor = last == "null" ? nil : String(last.dropFirst().dropLast())
    }
    #expect(names == (0..<25).filter { $0 % 2 == 1 }.map { "p-\($0)" })
    #expect(try api.get("/v1/processes?state=created&limit=1").contains(#""next":""#))
    #expect(try api.get("/v1/processes?state=running").contains(#""items":[]"#))
    #expect(try api.get("/v1/processes?state=odd").pointers == ["?state"])
    #expect(try api.get("/v1/processes?cursor=x").pointers == ["?cursor"])
    #expect(try api.get("/v1/processes?limit=0").pointers == ["?limit"])
  }

  @Test func whatIsNotThereIs404() throws {
    for path in ["/v1/processes/none", "/v1/processes/none/output", "/v1/processes/none/events", "/v1/classes/none"] {
      #expect(try api.get(path).status == 404)
    }
    for verb in ["start", "join", "terminate", "kill", "stop", "pause", "resume"] {
      #expect(try api.post("/v1/processes/none/\(verb)").status == 404)
    }
  }
}
