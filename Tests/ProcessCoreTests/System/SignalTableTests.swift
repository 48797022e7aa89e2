import Glibc
import ProcessCore
import Testing

@Suite struct SignalTableTests {
  @Test func theTableIsTheMachines() throws {
    #expect(SignalTable.all.map(\.number) == Array(1...31) + Array(34...64))
    // bash's list is "1) SIGHUP  2) SIGINT …"
    let words = try run("/bin/bash", "-c", "kill -l").output.split(whereSeparator: \.isWhitespace)
    #expect(SignalTable.all.map(\.name) == words.filter { $0.hasPrefix("SIG") }.map(String.init))
  }

  @Test func aNameIsTakenInAnyForm() {
    for text in ["SIGTERM", "TERM", "sigterm", "Term", "15"] { #expect(SignalTable.find(text)?.number == SIGTERM) }
    #expect(SignalTable.find("iot")?.name == "SIGABRT")
    #expect(SignalTable.find("SIGRTMIN+3")?.number == 37)
    #expect(SignalTable.find("rtmin")?.number == 34)
    #expect(SignalTable.find("RTMIN+30")?.name == "SIGRTMAX")
    #expect(SignalTable.find("RTMAX-30")?.name == "SIGRTMIN")
    #expect(SignalTable.signal(50)?.name == "SIGRTMAX-14")
  }

  @Test func whatIsNoSignalIsRefused() {
    let texts = ["", "0", "-9", "65", "32", "33", "4294967311", "SIG", "SIGSIGTERM", "9 ", "0x9", "RTMIN+31", "TERM\0"]
    for text in texts { #expect(SignalTable.find(text) == nil, "\(text)") }
    for number in [0, -1, 32, 33, 65, 1 << 20] as [CInt] { #expect(SignalTable.signal(number) == nil) }
  }

  @Test func defaultActionsAreTheKernels() throws {
    #expect(SignalTable.all.filter { !$0.isCatchable }.map(\.name) == ["SIGKILL", "SIGSTOP"])
    for signal in SignalTable.all where signal.action == .terminate || signal.action == .core {
      var request = SpawnRequest(command: ["/bin/sleep", "100"])
      request.limits = [(CInt(RLIMIT_CORE.rawValue), 0)]
      request.diesWithSpawner = false
      var spawner = try Spawner()
      let child = try spawner.spawn(request)
      try child.pidfd.signal(signal.number)
      #expect(end(of: child.pidfd).exitcode == -signal.number)
    }
  }
}
