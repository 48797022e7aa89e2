import Glibc
import Linux
import Testing

/// S2: many processes that work in parallel, each with an address space, a session and a group of its own.
@Suite("S2: many processes, each with memory, a session and a group of its own") struct ManyProcessesTests {
  @Test func eachHasASessionAGroupAndMemoryOfItsOwn() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let names = try (0..<8).map { _ in try client.shell("x=1; read line; x=$((x+1)); echo $x", #""stdin":"pipe""#) }
    let pids = try names.map { pid_t(try #require(try client.process($0)["pid"].int)) }
    #expect(Set(pids).count == 8)
    for pid in pids {
      let entry = try #require(ProcEntry(pid))
      #expect(entry.session == pid && entry.group == pid && entry.parent == daemon.pid)
    }
    for name in names { _ = try client.request("POST", "/v1/processes/\(name)/stdin?close=true") }
    // Had they shared the variable, one would see what the others did to it.
    for name in names {
      try client.join(name)
      #expect(try client.output(name).text == "2\n")
    }
  }

  /// The service is as fast as its processes: eight that sleep for a second take one, not eight.
  @Test func theyRunInParallel() throws {
    let client = try DaemonUnderTest()
    let names = try (0..<8).map { _ in try client.client.shell("sleep 1") }
    let began = Deadline.now
    for name in names { try client.client.join(name) }
    #expect(Deadline.now.nanoseconds - began.nanoseconds < 6_000_000_000)
  }

  @Test func aThousandFromSixteenClientsLeaveNothingBehind() throws {
    let daemon = try DaemonUnderTest(["--max-running=1000"])
    let client = daemon.client
    try client.join(try client.shell("exit 0"))  // What is opened once and kept is open now.
    #expect(try client.delete("/v1/processes/Process-1").status == 204)
    let descriptors = daemon.descriptorCount

    let failures = Mutex<[String]>([])
    let threads = try (0..<16).map { index in
      try Linux.Thread("client-\(index)") {
        do {
          let count = index < 8 ? 63 : 62
          let names = try (0..<count).map {
            try client.start(["/bin/sh", "-c", "exit \($0)"], #""labels":{"c":"\#(index)"}"#)
          }
          for (number, name) in names.enumerated() {
            let code = try client.join(name)["exitcode"].int
            if code != number { failures.withLock { $0.append("\(name): \(code ?? -1)") } }
          }
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == [])

    let table = try client.get("/v1/state").json["processes"].items
    #expect(table.count == 1000)
    #expect(Set(table.compactMap { $0["name"].text }).count == 1000)
    #expect(table.allSatisfy { $0["state"] == .text("exited") && $0["joiners"] == .number(0) })
    let codes = table.compactMap { $0["exitcode"].int }
    let sum = 8 * (62 * 63 / 2) + 8 * (61 * 62 / 2)
    #expect(codes.count == 1000 && codes.reduce(0, +) == sum)
    #expect(ProcEntry.children(of: daemon.pid).isEmpty)
    for name in table.compactMap({ $0["name"].text }) { _ = try client.delete("/v1/processes/\(name)") }
    #expect(try client.get("/v1/processes").json["items"] == .array([]))
    let isClean = eventually { daemon.descriptorCount <= descriptors }
    #expect(isClean, "\(daemon.descriptorCount) descriptors, \(descriptors) before")
    #expect(daemon.stop() == 0)
  }
}
