import CLinux
import Glibc
import Linux
import Testing

/// S30 to S32: what reaches the service itself.
private struct Service {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  /// A pause that is parked by the time this returns.
  func pause() throws -> Connection {
    let pause = try client.send("POST", "/v1/signals/pause?timeout=20")
    let isParked = eventually { (try? client.get("/v1/waiters").text.contains("\"pause\"")) ?? false }
    try #require(isParked)
    return pause
  }

  /// What a pause was told.
  func signal(_ pause: Connection) throws -> Value {
    let answer = try #require(Stream(pause, isHead: false, seconds: 20))
    return Value(answer.rest())["signal"]
  }
}

@Suite("S24, S26: kill -l") struct SignalListTests {
  @Test func itIsTheKernelsTable() throws {
    let service = try Service()
    let items = try service.client.get("/v1/signals").json["items"].items
    let listed = try run(["/usr/bin/env", "bash", "-c", "kill -l | tr -s ' \\t' '\\n\\n' | grep SIG"]).text
    let names = listed.split(separator: "\n").map(String.init)
    #expect(items.compactMap { $0["name"].text } == names)
    #expect(items.allSatisfy { $0["meaning"].text?.isEmpty == false })
    let actions = Set(items.compactMap { $0["action"].text })
    #expect(actions == ["terminate", "core", "ignore", "stop", "continue"])
  }
}

@Suite("S30: signal.pause()") struct PauseTests {
  @Test func itBlocksUntilASignalComes() throws {
    let service = try Service()
    let pause = try service.pause()
    service.daemon.send(SIGUSR1)
    let signal = try service.signal(pause)
    #expect(signal["name"] == .text("SIGUSR1") && signal["pid"].int == Int(getpid()))
    #expect(signal["uid"].int == Int(getuid()))
    #expect(try service.client.post("/v1/signals/pause?timeout=0.05").json["signal"] == .null)
  }
}

@Suite("S28: signal.alarm(sec)") struct ServiceAlarmTests {
  @Test func aLaterOneReplacesTheEarlier() throws {
    let service = try Service()
    _ = try service.client.put("/v1/signals/handlers/SIGALRM", #"{"action":"ignore"}"#)
    #expect(try service.client.post("/v1/signals/alarm", #"{"seconds":500}"#).json["previous"] == .number(0))
    let pause = try service.pause()
    let left = try #require(service.client.post("/v1/signals/alarm", #"{"seconds":0.2}"#).json["previous"].number)
    #expect(left > 490 && left <= 500)
    #expect(try service.signal(pause)["name"] == .text("SIGALRM"))
  }

  /// Python's default for SIGALRM ends the process.
  @Test func unhandledItEndsTheService() throws {
    let service = try Service()
    _ = try service.client.post("/v1/signals/alarm", #"{"seconds":0.1}"#)
    #expect(service.daemon.end(by: 0) == 0)
  }
}

@Suite("S31, S32: signal.signal(signum, handler)") struct SignalHandlerTests {
  @Test func anIgnoredSignalEndsNothing() throws {
    let service = try Service()
    _ = try service.client.put("/v1/signals/handlers/SIGTERM", #"{"action":"ignore"}"#)
    let pause = try service.pause()
    service.daemon.send(SIGTERM)
    #expect(try service.signal(pause)["name"] == .text("SIGTERM"))
    #expect(try service.client.get("/readyz").status == 200)
    _ = try service.client.put("/v1/signals/handlers/SIGTERM", #"{"action":"default"}"#)
    #expect(service.daemon.stop() == 0)
  }

  @Test func aSignalIsForwardedToALabel() throws {
    let service = try Service()
    let script = "trap 'echo usr2' USR2; echo ready; while :; do sleep 0.02; done"
    let document = #"{"name":"told","command":["/bin/sh","-c","\#(script)"],"labels":{"told":"yes"}}"#
    #expect(try service.client.post("/v1/processes", document).status == 201)
    try service.client.wait(for: "ready\n", from: "told")
    let handler = #"{"action":"forward","label":"told=yes","as":"USR2"}"#
    #expect(try service.client.put("/v1/signals/handlers/USR1", handler).status == 200)
    service.daemon.send(SIGUSR1)
    try service.client.wait(for: "ready\nusr2\n", from: "told")
  }

  @Test func aSignalGoesIntoAQueue() throws {
    let service = try Service()
    let unknown = try service.client.put("/v1/signals/handlers/USR1", #"{"action":"queue","queue":"signals"}"#)
    #expect(unknown.status == 422 && unknown.pointers == ["/queue"])
    #expect(try service.client.put("/v1/queues/signals", #"{"maxsize":2}"#).status == 201)
    for signal in ["USR1", "\(clinux_sigrtmin() + 3)"] {
      let set = try service.client.put("/v1/signals/handlers/\(signal)", #"{"action":"queue","queue":"signals"}"#)
      #expect(set.json["action"] == .text("queue") && set.json["queue"] == .text("signals"))
    }
    for number in [SIGUSR1, clinux_sigrtmin() + 3] {
      service.daemon.send(number)
      let message = try service.client.post("/v1/queues/signals/get?timeout=20")
      #expect(message["Content-Type"] == "application/json")
      #expect(message.json["number"].int == Int(number) && message.json["pid"].int == Int(getpid()))
    }
    // What has no room is lost, and nothing else is.
    for _ in 1...3 {
      let pause = try service.pause()
      service.daemon.send(SIGUSR1)
      _ = try service.signal(pause)
    }
    #expect(eventually { service.daemon.log.contains("signal lost") })
    #expect(try service.client.get("/v1/queues/signals").json["qsize"] == .number(2))
  }

  @Test func aSignalStopsAndASignalDrains() throws {
    let service = try Service()
    let name = try service.client.shell("sleep 60")
    _ = try service.client.put("/v1/signals/handlers/HUP", #"{"action":"stop","all":true}"#)
    _ = try service.client.put("/v1/signals/handlers/USR2", #"{"action":"drain"}"#)
    service.daemon.send(SIGHUP)
    #expect(try service.client.join(name)["state"] == .text("stopped"))
    service.daemon.send(SIGUSR2)
    #expect(service.daemon.end(by: 0) == 0)
  }

  @Test(arguments: ["SIGKILL", "SIGSTOP"]) func theseCannotBeHandled(signal: String) throws {
    let service = try Service()
    let refused = try service.client.put("/v1/signals/handlers/\(signal)", #"{"action":"ignore"}"#)
    #expect(refused.status == 422 && refused.pointers == ["/signal"])
  }

  @Test func whatComesIsAnEvent() throws {
    let service = try Service()
    let watch = try service.client.open("GET", "/v1/watch")
    service.daemon.send(SIGUSR1)
    let events = watch.events(until: "signal.received")
    let data = try #require(events.last?.data)
    #expect(data["name"] == .text("SIGUSR1") && data["number"].int == 10)
    #expect(data["pid"].int == Int(getpid()) && data["uid"].int == Int(getuid()))
  }
}
