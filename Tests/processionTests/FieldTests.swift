import Testing

/// What is wrong with a request is named, all of it at once.
@Suite struct FieldTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let json: String
    let pointers: [String]
    var testDescription: String { "\(json) → \(pointers)" }

    init(_ json: String, _ pointers: String...) {
      self.json = json
      self.pointers = pointers
    }
  }

  /// Each is merged into a good request.
  static let rows = [
    Row(#""name":"""#, "/name"), Row(#""name":"a/b""#, "/name"), Row(#""name":"-a""#, "/name"),
    Row(#""name":1"#, "/name"),
    Row(#""name":"a\n{\"fake\":1}""#, "/name"), Row("\"name\":\"\(String(repeating: "a", count: 65))\"", "/name"),
    Row(#""class":"no such""#, "/class"), Row(#""command":"ls; id""#, "/command"), Row(#""command":[]"#, "/command"),
    Row(#""command":["a",1]"#, "/command/1"), Row(#""command":["a\u0000b"]"#, "/command/0"),
    Row(#""command":[""]"#, "/command/0"), Row(#""command":null"#, "/command"), Row(#""args":[null]"#, "/args/0"),
    Row(#""env":[]"#, "/env"), Row(#""env":{"A":1}"#, "/env/A"), Row(#""env":{"1A":"x"}"#, "/env/1A"),
    Row(#""env":{"A=B":"x"}"#, "/env/A=B"), Row(#""env":{"":"x"}"#, "/env/"),
    Row(#""env":{"a/b~c":"x"}"#, "/env/a~1b~0c"),
    Row(#""env":{"A":"x\u0000"}"#, "/env/A"), Row(#""inherit_env":"yes""#, "/inherit_env"), Row(#""cwd":1"#, "/cwd"),
    Row(#""user":0"#, "/user"), Row(#""umask":"8""#, "/umask"), Row(#""umask":512"#, "/umask"),
    Row(#""umask":-1"#, "/umask"),
    Row(#""stdin":"file""#, "/stdin"), Row(#""stdin":{}"#, "/stdin/text"), Row(#""stdin":{"text":1}"#, "/stdin/text"),
    Row(#""stdin":{"text":"","x":1}"#, "/stdin/x"), Row(#""stdout":"stdout""#, "/stdout"),
    Row(#""stderr":1"#, "/stderr"),
    Row(#""stdin":{"queue":"a/b"}"#, "/stdin/queue"), Row(#""stdin":{"queue":null}"#, "/stdin/queue"),
    Row(#""stdin":{"queue":"q","text":"x"}"#, "/stdin/text"), Row(#""stdin":{"queue":"q"}"#, "/stdin/queue"),
    Row(#""stdin":{"pipe":"p"}"#, "/stdin/end"), Row(#""stdin":{"pipe":"p","end":0}"#, "/stdin/pipe"),
    Row(#""stdout":{"end":1}"#, "/stdout/pipe"), Row(#""stdout":{"pipe":"p","end":2}"#, "/stdout/end"),
    Row(#""stdout":{"queue":"q","pipe":"p","end":1}"#, "/stdout/pipe", "/stdout/end"),
    Row(#""stderr":{"queue":"q","framing":"words"}"#, "/stderr/framing"),
    Row(#""stderr":{}"#, "/stderr/pipe", "/stderr/end"),
    Row(#""fds":[]"#, "/fds"), Row(#""fds":{"3":"pipe"}"#, "/fds/3"), Row(#""fds":{"3":null}"#, "/fds/3"),
    Row(#""fds":{"2":{"pipe":"p","end":0}}"#, "/fds/2"), Row(#""fds":{"256":{"pipe":"p","end":0}}"#, "/fds/256"),
    Row(#""fds":{"03":{"pipe":"p","end":0},"x":1}"#, "/fds/03", "/fds/x"),
    Row(#""fds":{"3":{"queue":"q"}}"#, "/fds/3/pipe", "/fds/3/end", "/fds/3/queue"),
    Row(#""fds":{"255":{"pipe":"p","end":1,"x":1}}"#, "/fds/255/x"),
    Row(#""signals":{"SIGNOPE":"ignore"}"#, "/signals/SIGNOPE"),
    Row(#""signals":{"SIGINT":"block"}"#, "/signals/SIGINT"),
    Row(#""signals":{"SIGSTOP":"ignore"}"#, "/signals/SIGSTOP"), Row(#""limits":{"core":-1}"#, "/limits/core"),
    Row(#""limits":{"stack":1}"#, "/limits/stack"), Row(#""limits":{"cpu_seconds":1.5}"#, "/limits/cpu_seconds"),
    Row(#""timeout":5"#, "/timeout"), Row(#""timeout":{}"#, "/timeout/seconds"),
    Row(#""timeout":{"seconds":-1}"#, "/timeout/seconds"),
    Row(#""timeout":{"seconds":1,"signal":"X"}"#, "/timeout/signal"),
    Row(#""timeout":{"seconds":1,"grace":"x"}"#, "/timeout/grace"), Row(#""daemon":1"#, "/daemon"),
    Row(#""labels":{"a":1}"#, "/labels/a"), Row(#""labels":[]"#, "/labels"), Row(#""start":"no""#, "/start"),
    Row(#""wish":1"#, "/wish"), Row(#""a/b":1"#, "/a~1b"),
    Row(#""umask":512,"daemon":1,"x":1"#, "/umask", "/daemon", "/x"),
  ]

  @Test func everyBadFieldIsNamedByItsPointer() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    for row in Self.rows {
      let good = row.json.hasPrefix("\"command\"") ? "" : #""command":["/bin/true"],"#
      let answer = try client.post("/v1/processes", "{\(good)\(row.json)}")
      #expect(answer.status == 422, "\(row): \(answer.text)")
      #expect(answer.code == "ValueError", "\(row)")
      #expect(answer.pointers.sorted() == row.pointers.sorted(), "\(row): \(answer.text)")
      #expect(answer.json["errors"].items.allSatisfy { $0["detail"].text?.isEmpty == false }, "\(row)")
    }
    #expect(try client.get("/v1/processes").json["items"] == .array([]))
  }

  @Test func whatIsNoDocumentIsRefusedBeforeItsFields() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    for body in ["{", #"{"command":["a"]} x"#, "", "\u{FEFF}{}", "{\"a\":\"\u{1}\"}", "[1,]"] {
      let answer = try client.post("/v1/processes", body)
      #expect(answer.status == 400 && answer.code == "JSONDecodeError", "\(body): \(answer.text)")
      #expect(answer["content-type"] == "application/problem+json")
    }
    #expect(try client.post("/v1/processes", "[]").status == 422)
    #expect(try client.post("/v1/processes", #"{"command":["a"],"cwd":"/","cwd":"/"}"#).pointers == ["/cwd"])
    let deep = String(repeating: "[", count: 100_000)
    #expect(try client.post("/v1/processes", "{\"command\":\(deep)").status == 400)
    for type in [nil, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
      let headers = type.map { ["Content-Type": $0] } ?? [:]
      let answer = try client.request("POST", "/v1/processes", headers, Array(#"{"command":["/bin/true"]}"#.utf8))
      #expect(answer.status == 415, "\(type ?? "none")")
    }
    #expect(try client.get("/v1/processes").json["items"] == .array([]))
  }

  @Test func argumentsAreNoShell() throws {
    let daemon = try DaemonUnderTest()
    let name = try daemon.client.start(["/bin/echo", "$(id);x", "a b", "*", "é"])
    try daemon.client.join(name)
    #expect(try daemon.client.output(name).text == "$(id);x a b * é\n")
  }
}
