import Glibc
import Linux
import Testing

/// Supervision as a client over a socket meets it.
@Suite struct SupervisionTests {
  @Test func aCrashLoopIsStartedAtItsTimesAndStopsAtOnce() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let restart = #"{"policy":"on-failure","max_retries":2,"backoff":{"initial":1,"factor":1.5},"settle":60}"#
    let made = try client.post(
      "/v1/processes", #"{"name":"loop","command":["/bin/sh","-c","exit 3"],"restart":\#(restart)}"#)
    #expect(made.status == 201)
    let ended = try client.join("loop")
    #expect(ended["state"] == .text("fatal") && ended["exitcode"].int == 3)
    #expect(ended["starts"].int == 3 && ended["restarts"].int == 2)
    let events = try client.open("GET", "/v1/processes/loop/events").events(until: "process.fatal")
    let once = ["process.exited", "process.backoff", "process.restarted"]
    #expect(
      events.map(\.type) == ["process.created", "process.started"] + once + once + ["process.exited", "process.fatal"])

    let patient = #"{"policy":"always","backoff":{"initial":600,"max":600}}"#
    _ = try client.post("/v1/processes", #"{"name":"patient","command":["true"],"restart":\#(patient)}"#)
    let isWaiting = try eventually { try client.process("patient")["state"] == .text("backoff") }
    try #require(isWaiting)
    let joiner = try client.send("POST", "/v1/processes/patient/join")
    let began = Deadline.now
    #expect(try client.post("/v1/processes/patient/stop").json["process"]["state"] == .text("stopped"))
    let joined = try #require(Stream(joiner, isHead: false, seconds: 20))
    #expect(Value(joined.rest())["state"] == .text("stopped"))
    #expect(Double(Deadline.now.nanoseconds - began.nanoseconds) / 1e9 < 10)
  }

  @Test func theServiceEndsWithItsEssentialProcess() throws {
    let daemon = try DaemonUnderTest(["--grace=100"])
    let client = daemon.client
    _ = try client.shell("sleep 100")
    let marks = daemon.data + "/marks"
    func serve(_ name: String, _ fields: String) throws {
      let script = "trap 'echo \(name) >> \(marks); exit 0' TERM; echo ready; while :; do sleep 0.02; done"
      let document =
        #"{"name":"\#(name)","command":["/bin/sh","-c","\#(script)"],"restart":{"policy":"always"},"ready":{"output":"^ready$"}\#(fields)}"#
      try #require(try client.post("/v1/processes", document).status == 201)
    }
    try serve("app", #","depends_on":[{"process":"db","condition":"ready"}]"#)
    #expect(try client.process("app")["state"] == .text("created"))
    #expect(try client.process("app")["waiting_for"] == .array([.text("db")]))
    try serve("db", "")
    let isReady = try eventually { try client.process("app")["is_ready"] == .bool(true) }
    try #require(isReady)
    // What is asked to be ignored does not keep the service.
    _ = try client.put("/v1/signals/handlers/SIGTERM", #"{"action":"ignore"}"#)
    let main = #"{"name":"main","command":["/bin/sh","-c","sleep 0.3; exit 42"],"restart":{"essential":true}}"#
    try #require(try client.post("/v1/processes", main).status == 201)
    let began = Deadline.now
    #expect(daemon.end(by: 0) == 42)
    #expect(Double(Deadline.now.nanoseconds - began.nanoseconds) / 1e9 < 60, "none was waited for")
    #expect(contents(of: marks) == "app\ndb\n")
  }

  @Test func itsCodeIsTheEssentialProcessesAlsoAfterSIGTERM() throws {
    let daemon = try DaemonUnderTest(["--grace=100"])
    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done"
    let name = try daemon.client.shell(script, #""restart":{"essential":true}"#)
    try daemon.client.wait(for: "ready", from: name)
    let began = Deadline.now
    #expect(daemon.stop() == 7)
    #expect(Double(Deadline.now.nanoseconds - began.nanoseconds) / 1e9 < 60, "it was asked at once")
  }

  @Test func aGroupIsStoppedByItsLabel() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    for _ in 0..<3 { _ = try client.shell("sleep 60", #""labels":{"team":"blue"}"#) }
    let other = try client.shell("sleep 60")
    let stopped = try client.post("/v1/processes/stop", #"{"label":"team=blue","grace":20}"#).json["results"].items
    #expect(stopped.count == 3 && stopped.allSatisfy { $0["state"] == .text("stopped") && $0["done"] == .bool(true) })
    #expect(try client.process(other)["is_alive"] == .bool(true))
  }
}
