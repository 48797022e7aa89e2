import Linux

extension ProcessSpec {
  /// Whether a process that has ended is started again, and when.
  public struct Restart: Hashable, Sendable {
    public enum Policy: String, CaseIterable, Sendable {
      case no
      /// When it ended otherwise than by one of `successExitCodes`.
      case onFailure = "on-failure"
      /// However it ended.
      case always
      /// As `always`: no process outlives the service, so there is no later start that could tell them apart.
      case unlessStopped = "unless-stopped"
    }

    public var policy = Policy.no
    /// How often in a row it is started again before it is given up; nil: for ever.
    public var maxRetries: Int?
    /// Counts the starts of the last so many seconds, instead of those since it last settled.
    public var window: Double?
    public var backoff = Backoff()
    /// Seconds that it must have run for its end to be a first one, and not one more in a row.
    public var settle = 1.0
    public var successExitCodes: Set<CInt> = [0]
    /// Whether the service ends with it.
    public var isEssential = false

    public init() {}

    func isSuccess(_ exit: ProcessExit) -> Bool {
      guard exit.reason == .exited, case .exited(let code) = exit.status.ending else { return false }
      return successExitCodes.contains(code)
    }

    func follows(_ exit: ProcessExit) -> Bool {
      switch policy {
      case .no: false
      case .onFailure: !isSuccess(exit)
      case .always, .unlessStopped: true
      }
    }
  }

  /// The seconds between an end and the next start.
  public struct Backoff: Hashable, Sendable {
    public var initial = 1.0
    /// What each further one in a row is longer by.
    public var factor = 2.0
    public var max = 60.0
    /// The part of it, from 0 to 1, by which it is longer or shorter at random.
    public var jitter = 0.0

    public init() {}

    /// Before the start that is the `retry`th in a row, from 1; `random` is from -1 to 1.
    func seconds(before retry: Int, random: Double) -> Double {
      var seconds = initial
      for _ in 1..<Swift.max(retry, 1) where seconds < max { seconds *= factor }
      return Swift.min(seconds, max) * (1 + jitter * random)
    }
  }
}

/// How often a process was started again.
struct Retries {
  private var inARow = 0
  private var recent: [Deadline] = []

  /// The seconds until the next start after a run of `seconds`, nil for one that could not begin. The answer is nil when it
  /// was tried too often.
  mutating func next(_ restart: ProcessSpec.Restart, after seconds: Double?, at now: Deadline = .now) -> Double? {
    if let seconds, seconds >= restart.settle { inARow = 0 }
    if let limit = restart.maxRetries {
      if let window = restart.window {
        recent.removeAll { $0.advanced(seconds: window) <= now }
        guard recent.count < limit else { return nil }
        recent.append(now)
      } else if inARow >= limit {
        return nil
      }
    }
    inARow += 1
    return restart.backoff.seconds(before: inARow, random: .random(in: -1...1))
  }
}
