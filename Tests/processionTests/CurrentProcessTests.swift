import Glibc
import Testing

/// S36: `current_process()`, for the operator and for a process that asks with its own token.
@Suite("S36: current_process()") struct CurrentProcessTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  @Test func forTheOperatorItIsTheDaemon() throws {
    let current = try client.get("/v1/processes/current").json
    #expect(current["name"] == .text("MainProcess"))
    #expect(current["pid"] == .number(Double(daemon.pid)))
    #expect(current["is_main"] == .bool(true))
    let byToken = try Client(daemon.tcp, token: daemon.token).get("/v1/processes/current")
    #expect(byToken.json["name"] == .text("MainProcess"))
  }

  @Test func forAProcessItIsItself() throws {
    let name = try client.shell(
      "curl -sS -H \"Authorization: Bearer $PROCESSION_TOKEN\" $PROCESSION_URL/v1/processes/current; echo; echo $$ $PROCESSION_PROCESS",
      #""name":"worker-1","daemon":true"#)
    let ended = try client.join(name)
    let lines = try client.output(name).text.split(separator: "\n")
    let errors = try client.output(name, "stream=stderr").text
    try #require(lines.count == 2, "\(errors)")
    let current = Value(String(lines[0]))
    #expect(current["name"] == .text("worker-1"))
    #expect(current["pid"] == ended["pid"])
    #expect(current["daemon"] == .bool(true))
    #expect(current["is_main"] == .bool(false))
    #expect(lines[1] == "\(ended["pid"].int ?? 0) worker-1")
  }

  @Test func theNameIsNoProcess() throws {
    let taken = try client.post("/v1/processes", #"{"name":"current","command":["/bin/true"]}"#)
    #expect(taken.status == 422 && taken.pointers == ["/name"])
  }

  /// A process may act on itself, and on nobody else; after its end its token is nobody's.
  @Test func aProcessActsForItselfAlone() throws {
    let other = try client.shell("sleep 60", #""name":"other""#)
    let name = try client.shell("echo $PROCESSION_TOKEN; read line", #""name":"me","stdin":"pipe""#)
    try client.wait(for: "\n", from: name)
    let token = String(try client.output(name).text.dropLast())
    for endpoint in [daemon.tcp, daemon.socket] {
      let own = Client(endpoint, token: token)
      #expect(try own.get("/v1/processes/current").json["name"] == .text("me"))
      for verb in ["terminate", "kill", "stop"] {
        let refused = try own.post("/v1/processes/\(other)/\(verb)")
        #expect(refused.status == 403 && refused.code == "Forbidden", "\(verb)")
      }
      #expect(try own.signal(other, "SIGKILL").status == 403)
      #expect(try own.post("/v1/processes/\(other)/alarm", #"{"seconds":1}"#).status == 403)
      #expect(try own.request("POST", "/v1/processes/\(other)/stdin", [:], [1]).status == 403)
      #expect(try own.post("/v1/processes", #"{"command":["/bin/true"]}"#).status == 403)
      #expect(try own.delete("/v1/processes/\(other)").status == 403)
      #expect(try own.put("/v1/classes/X", "{}").status == 403)
    }
    #expect(try client.process(other)["is_alive"] == .bool(true))
    #expect(try Client(daemon.tcp, token: token).post("/v1/processes/me/kill").status == 200)
    #expect(try client.join(name)["exitcode"] == .number(-9))
    #expect(try Client(daemon.tcp, token: token).get("/v1/processes/current").status == 401)
    #expect(try Client(daemon.socket, token: token).get("/v1/processes/current").status == 401)
  }
}
