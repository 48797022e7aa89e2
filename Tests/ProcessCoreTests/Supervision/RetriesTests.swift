import Linux
import Testing

@testable import ProcessCore

@Suite struct RetriesTests {
  private let usual: ProcessSpec.Restart

  init() {
    var restart = ProcessSpec.Restart()
    restart.policy = .always
    restart.maxRetries = 3
    restart.settle = 5
    usual = restart
  }

  @Test func eachFurtherOneWaitsLongerUpToTheCap() {
    var backoff = ProcessSpec.Backoff()
    backoff.initial = 0.5
    backoff.factor = 3
    backoff.max = 10
    #expect((1...5).map { backoff.seconds(before: $0, random: 0) } == [0.5, 1.5, 4.5, 10, 10])
    #expect(backoff.seconds(before: 1_000_000_000, random: 0) == 10, "and it takes no time to find that")
  }

  @Test func jitterIsAPartOfIt() {
    var backoff = ProcessSpec.Backoff()
    backoff.initial = 10
    backoff.jitter = 0.2
    #expect(backoff.seconds(before: 1, random: 1) == 12)
    #expect(backoff.seconds(before: 1, random: -1) == 8)
    var retries = Retries()
    var restart = usual
    restart.backoff = backoff
    restart.maxRetries = nil
    var seconds: [Double] = []
    for _ in 0..<200 {
      retries = Retries()
      seconds.append(retries.next(restart, after: 0) ?? 0)
    }
    #expect(seconds.allSatisfy { (8...12).contains($0) } && Set(seconds).count > 100)
  }

  @Test func tooManyInARowAreTheEnd() {
    var retries = Retries()
    var seconds: [Double?] = []
    for _ in 1...5 { seconds.append(retries.next(usual, after: 1)) }
    #expect(seconds == [1, 2, 4, nil, nil])
  }

  @Test func oneThatHasSettledBeginsAnew() {
    var retries = Retries()
    var inARow: [Double?] = []
    for _ in 1...3 { inARow.append(retries.next(usual, after: 1)) }
    #expect(inARow == [1, 2, 4])
    let anew = [retries.next(usual, after: 5), retries.next(usual, after: nil)]
    #expect(anew == [1, 2], "one that could not begin has not settled")
  }

  @Test func aWindowCountsWhatIsNotLongAgo() {
    var restart = usual
    restart.window = 60
    var retries = Retries()
    let start = Deadline.now
    func next(_ seconds: Double) -> Double? {
      retries.next(restart, after: 10, at: start.advanced(seconds: seconds))
    }
    let seconds = [0, 20, 40, 59, 61, 62, 81].map(next)
    #expect(seconds == [1, 1, 1, nil, 1, nil, 1], "each has settled, and three are not long ago at the fourth")
  }

  @Test func whatSuccessIs() {
    var restart = usual
    restart.policy = .onFailure
    restart.successExitCodes = [0, 3]
    func follows(_ ending: ProcessCore.ExitStatus.Ending, _ reason: ProcessExit.Reason) -> Bool {
      restart.follows(ProcessExit(status: ProcessCore.ExitStatus(ending), reason: reason, at: .now))
    }
    #expect(!follows(.exited(code: 0), .exited) && !follows(.exited(code: 3), .exited))
    #expect(follows(.exited(code: 1), .exited) && follows(.signalled(15, coreDumped: false), .signalled))
    #expect(follows(.exited(code: 0), .timeout), "it was told to by its timeout")
    #expect(follows(.lost, .lost) && follows(.lost, .spawnFailed))
  }
}
