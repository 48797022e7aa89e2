import Glibc
import HTTP
import Linux
import Testing

@testable import ProcessCore

@Suite struct SignalRoutesTests {
  let api: APIUnderTest

  init() throws { api = try APIUnderTest() }

  private func sleeper(_ name: String, labels: String = "{}") throws {
    let document = #"{"name":"\#(name)","command":["/bin/sleep","100"],"labels":\#(labels)}"#
    #expect(try api.post("/v1/processes", document).status == 201)
  }

  @Test func theTableIsTheMachines() throws {
    let table = try api.get("/v1/signals")
    #expect(
      table.contains(
        #"{"number":15,"name":"SIGTERM","action":"terminate","meaning":"Request to terminate","catchable":true}"#))
    #expect(table.contains(#""name":"SIGKILL","action":"terminate","meaning":"Kill","catchable":false"#))
    #expect(table.contains(#""name":"SIGRTMIN+1""#) && table.contains(#""name":"SIGRTMAX""#))
  }

  @Test func oneRequestReachesMany() throws {
    try sleeper("a", labels: #"{"team":"red"}"#)
    try sleeper("b", labels: #"{"team":"red"}"#)
    try sleeper("c")
    let sent = try api.post("/v1/signals/send", #"{"signal":"KILL","label":"team=red"}"#)
    #expect(sent.status == 200)
    #expect(sent.contains(#""process":"a","sent":true"#) && sent.contains(#""process":"b","sent":true"#))
    #expect(!sent.contains(#""process":"c""#))
    for name in ["a", "b"] {
      #expect(try api.post("/v1/processes/\(name)/join?timeout=10").contains(#""exitcode":-9"#))
    }
    let named = try api.post("/v1/signals/send", #"{"signal":9,"to":"tree","processes":["a","c","nobody"]}"#)
    #expect(named.contains(#""process":"a","sent":false,"code":"NotRunning""#))
    #expect(named.contains(#""process":"c","sent":true"#))
    #expect(named.contains(#""process":"nobody","sent":false,"code":"NotFound""#))
    #expect(try api.post("/v1/processes/c/join?timeout=10").contains(#""exitcode":-9"#))
    #expect(try api.post("/v1/signals/send", #"{"signal":"TERM","all":true}"#).contains(#""results":[]"#))
  }

  @Test func aValueIsQueuedWithTheSignal() throws {
    let program = """
      import ctypes, signal, sys
      signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
      print("ready", flush=True)
      libc = ctypes.CDLL(None)
      mask = (ctypes.c_ulong * 16)(1 << (signal.SIGUSR1 - 1))
      info = (ctypes.c_int * 32)()
      libc.sigwaitinfo(ctypes.byref(mask), ctypes.byref(info))
      print(info[0], info[2] == -1, info[6], flush=True)
      """
    let process = try #require(api.manager.processes.find(try run(program)))
    func output() -> String {
      let bytes = Bytes(count: 4096)
      guard case .bytes(let count, _) = process.readOutput(.stdout, at: 0, into: bytes.mutableBuffer) else { return "" }
      bytes.truncate(to: count)
      return bytes.text
    }
    #expect(eventually { output().contains("ready") })
    let sent = try api.post("/v1/signals/send", #"{"signal":"USR1","processes":["\#(process.name)"],"value":-42}"#)
    #expect(sent.contains(#""sent":true"#))
    #expect(eventually { output().contains("\(SIGUSR1) True -42") }, "\(output())")
  }

  private func run(_ program: String) throws -> String {
    var template = ProcessTemplate()
    template.command = ["/usr/bin/env", "python3", "-c", program]
    let told = Mutex<Name?>(nil)
    try api.manager.run(nil, template) { result in told.withLock { $0 = (try? result.get())?.name } }
    try #require(eventually { told.withLock { $0 != nil } })
    return try #require(told.withLock { $0 }).text
  }

  @Test(arguments: [
    (#"{"all":true}"#, ["/signal"]), (#"{"signal":"SIGNOTHING","all":true}"#, ["/signal"]),
    (#"{"signal":1}"#, ["/processes"]), (#"{"signal":1,"all":true,"label":"a=b"}"#, ["/processes"]),
    (#"{"signal":1,"label":"a"}"#, ["/label"]), (#"{"signal":1,"processes":["a b"]}"#, ["/processes/0"]),
    (#"{"signal":1,"pid":0}"#, ["/pid"]), (#"{"signal":1,"pid":5,"all":true,"to":"tree"}"#, ["/all", "/to"]),
    (#"{"signal":1,"all":true,"start_time":1}"#, ["/start_time"]),
    (#"{"signal":1,"all":true,"value":3000000000}"#, ["/value"]),
    (#"{"signal":1,"all":true,"value":1,"to":"group"}"#, ["/value"]),
  ])
  func whatIsWrongIsNamed(document: String, pointers: [String]) throws {
    let refused = try api.post("/v1/signals/send", document)
    #expect(refused.status == 422 && refused.pointers == pointers, "\(refused.body)")
  }

  @Test func handlersAreChosenAndShown() throws {
    #expect(try api.get("/v1/signals/handlers/SIGTERM").contains(#""action":"default""#))
    #expect(try api.call(.put, "/v1/signals/handlers/term", #"{"action":"ignore"}"#).status == 200)
    #expect(api.manager.signals.action(for: SIGTERM) == .ignore)
    let forward = #"{"action":"forward","label":"a=b","as":"USR1","to":"group"}"#
    let shown = try api.call(.put, "/v1/signals/handlers/15", forward)
    #expect(
      shown.body
        == #"{"signal":"SIGTERM","number":15,"action":"forward","label":"a=b","as":"SIGUSR1","to":"group"}"#)
    #expect(try api.get("/v1/signals/handlers").contains(shown.body))
    for signal in ["KILL", "STOP", "CHLD", "SEGV"] {
      #expect(try api.call(.put, "/v1/signals/handlers/\(signal)", #"{"action":"ignore"}"#).pointers == ["/signal"])
    }
    #expect(try api.call(.put, "/v1/signals/handlers/NOTHING", #"{"action":"ignore"}"#).status == 404)
    #expect(try api.call(.put, "/v1/signals/handlers/HUP", #"{"action":"stop"}"#).pointers == ["/processes"])
    #expect(try api.call(.put, "/v1/signals/handlers/HUP", #"{"action":"drain","all":true}"#).pointers == ["/action"])
    #expect(
      try api.call(.put, "/v1/signals/handlers/HUP", #"{"action":"ignore"}"#, as: .bearer(subject: "x")).status == 403)
  }

  @Test func aPauseEndsWithTheNextSignal() throws {
    let call = try api.answer(.post, "/v1/signals/pause")
    #expect(try api.get("/v1/waiters").contains(#""kind":"signal","name":"service","verb":"pause""#))
    let action = api.manager.signals.receive(ReceivedSignal(number: SIGUSR1, pid: 77, uid: 5))
    #expect(action == .default)
    let woken = try api.result(call)
    #expect(woken.contains(#"{"signal":{"name":"SIGUSR1","number":10,"pid":77,"uid":5,"at":"#))
    #expect(try api.post("/v1/signals/pause?timeout=0.01").body == #"{"signal":null}"#, "an earlier one does not count")
  }

  /// Python's: a later alarm takes the place of an earlier one and tells what that had left; 0 calls it off.
  @Test func anAlarmReplacesTheLast() throws {
    #expect(try api.post("/v1/signals/alarm", #"{"seconds":600}"#).body == #"{"previous":0.0}"#)
    let previous = api.manager.signals.alarm(after: 500)
    #expect(previous > 590 && previous <= 600)
    #expect(api.manager.signals.alarm(after: 0) > 490)
    #expect(api.manager.signals.alarm(after: 0) == 0)
  }
}
