import Glibc
import Testing

/// Everything that happens, as events, as one document and as metrics.
@Suite struct WatchTests {
  @Test func aLifeIsToldInOrder() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let watch = try client.open("GET", "/v1/watch")
    #expect(watch.headers["content-type"] == "text/event-stream")
    let name = try client.shell("read line; exit 2", #""stdin":"pipe""#)
    let pid = try client.process(name)["pid"]
    _ = try client.signal(name, "SIGCONT")
    _ = try client.request("POST", "/v1/processes/\(name)/stdin?close=true")
    try client.join(name)
    _ = try client.delete("/v1/processes/\(name)")
    let events = watch.events(until: "process.deleted")
    #expect(
      events.map(\.type) == [
        "process.created", "process.started", "process.signalled", "process.exited", "process.deleted",
      ])
    #expect(events.allSatisfy { $0.data["name"] == .text(name) })
    #expect(events.map(\.id) == ["1", "2", "3", "4", "5"])
    try #require(events.count == 5)
    #expect(events[1].data["pid"] == pid)
    #expect(events[2].data["signal"] == .text("SIGCONT"))
    #expect(events[3].data["exitcode"] == .number(2))
    #expect(events[3].data["reason"] == .text("exited"))

    // Who was away goes on where he was.
    let resumed = try client.open("GET", "/v1/watch", ["Last-Event-ID": "3"])
    #expect(resumed.events(until: "process.deleted").map(\.id) == ["4", "5"])
    #expect(try client.get("/v1/watch", ["Last-Event-ID": "x"]).pointers == ["Last-Event-ID"])
  }

  @Test func aProcessTellsOfItselfAlone() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let other = try client.shell("exit 0")
    let name = try client.shell("exit 0")
    try client.join(other)
    try client.join(name)
    let stream = try client.open("GET", "/v1/processes/\(name)/events")
    _ = try client.delete("/v1/processes/\(other)")
    _ = try client.delete("/v1/processes/\(name)")
    let events = stream.events(until: "process.deleted")
    #expect(events.map(\.type) == ["process.created", "process.started", "process.exited", "process.deleted"])
    #expect(events.allSatisfy { $0.data["name"] == .text(name) })
    #expect(stream.next() == nil && stream.isWhole)
  }

  @Test func whatWasMissedIsToldAsAGap() throws {
    let daemon = try DaemonUnderTest(["--max-events=4"])
    let client = daemon.client
    for _ in 0..<5 { _ = try client.post("/v1/processes", #"{"command":["/bin/true"],"start":false}"#) }
    _ = try client.delete("/v1/processes/Process-1")
    let events = try client.open("GET", "/v1/watch", ["Last-Event-ID": "1"]).events(until: "process.deleted")
    #expect(events.first?.type == "gap")
    #expect(events.first?.data == Value(#"{"from":2,"through":2}"#))
    #expect(events.map(\.id) == ["2", "3", "4", "5", "6"])
  }

  @Test func theStateIsWhole() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    _ = try client.put("/v1/classes/C", #"{"command":["/bin/sleep","60"],"env":{"SECRET":"s3cret"}}"#)
    let name = try #require(try client.post("/v1/processes", #"{"class":"C"}"#).json["name"].text)
    let joiner = try client.send("POST", "/v1/processes/\(name)/join")
    let follower = try client.open("GET", "/v1/processes/\(name)/output?follow=true")
    let isSeen = try eventually {
      let process = try client.get("/v1/state").json["processes"][0]
      return process["joiners"] == .number(1) && process["output_readers"] == .number(1)
    }
    #expect(isSeen)
    let answer = try client.get("/v1/state")
    let state = answer.json
    #expect(state["processes"][0]["name"] == .text(name) && state["classes"][0]["name"] == .text("C"))
    #expect(state["waiters"] == .number(1))
    #expect((state["connections"].int ?? 0) >= 3)
    #expect(state["is_draining"] == .bool(false))
    #expect(state["service"]["pid"] == .number(Double(daemon.pid)))
    // class.created, process.created, process.started
    #expect(state["last_event_id"] == .number(3))
    #expect(answer.text.contains("SECRET") && !answer.text.contains("s3cret"))
    joiner.fd.close()
    _ = follower.status
  }

  @Test func metricsCount() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let name = try client.shell("exit 0")
    try client.join(name)
    _ = try client.get("/v1/processes/none")
    let answer = try client.get("/metrics")
    #expect(answer["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
    let lines = Set(answer.text.split(separator: "\n").map(String.init))
    #expect(lines.contains(#"procession_requests_total{operation="createProcess",status="201"} 1"#))
    #expect(lines.contains(#"procession_requests_total{operation="getProcess",status="404"} 1"#))
    #expect(lines.contains(#"procession_processes{state="exited"} 1"#))
    #expect(lines.contains(#"procession_processes{state="running"} 0"#))
    #expect(lines.contains("procession_waiters 0"))
    #expect(try Client(daemon.tcp).get("/metrics").status == 401)
  }

  @Test func probesNeedNoTokenAndTellNothing() throws {
    let daemon = try DaemonUnderTest()
    let nobody = Client(daemon.tcp)
    #expect(try nobody.get("/healthz").text == #"{"status":"ok"}"#)
    #expect(try nobody.get("/readyz").text == #"{"status":"ok"}"#)
    #expect(try nobody.get("/version").status == 401)
    #expect(try nobody.request("HEAD", "/healthz").status == 200)
    #expect(try daemon.client.get("/version").json["name"] == .text("procession"))
    #expect(try daemon.client.get("/openapi.yaml").text.hasPrefix("openapi: 3"))
  }

  /// The library itself looks at such a connection only when no other has been quiet for longer.
  @Test func aWatcherThatLeavesIsLetGoBesideAnIdleConnection() throws {
    let daemon = try DaemonUnderTest()
    let idle = try Connection(daemon.socket)
    idle.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(idle.line() == "HTTP/1.1 200 OK")
    func connections() throws -> Int? { try daemon.client.get("/v1/state").json["connections"].int }
    let watchers = try (0..<10).map { _ in try daemon.client.send("GET", "/v1/watch") }
    let areThere = try eventually { try connections() == 12 }
    #expect(areThere)
    for watcher in watchers { watcher.fd.close() }
    let areGone = try eventually(within: 10) { try connections() == 2 }
    #expect(areGone)
    idle.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(String(decoding: idle.bytes(1000, seconds: 1), as: UTF8.self).contains("HTTP/1.1 200 OK"))
  }
}
