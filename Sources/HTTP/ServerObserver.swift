/// What a server tells about itself. Called on its loops: write it down and return.
public protocol ServerObserver: Sendable {
  /// A request was turned away for who sent it: a wrong token, host or origin. `target` is as it came, cut at 256 bytes.
  func refused(peer: Peer, status: Int, code: String, target: String)

  /// A call of a route with `audited: true` is over. `status` is 0 when the client left before there was an answer.
  func audited(operation: String, caller: Caller, peer: Peer, target: String, status: Int)

  /// A line of libmicrohttpd's or the server's own; `suppressed` lines before it were dropped, to keep to ten a second.
  func note(_ line: String, suppressed: Int)
}

/// At most ten a second; used on one thread.
struct LineLimiter {
  private var second: UInt64 = 0
  private var count = 0
  private var suppressed = 0

  /// How many were dropped before this one, or nil when this one is to be dropped.
  mutating func admit(at nanoseconds: UInt64) -> Int? {
    let now = nanoseconds / 1_000_000_000
    if now != second {
      second = now
      count = 0
    }
    guard count < 10 else {
      suppressed += 1
      return nil
    }
    count += 1
    defer { suppressed = 0 }
    return suppressed
  }
}
