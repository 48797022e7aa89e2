import Glibc

/// An absolute moment on the monotonic clock, in nanoseconds. It does not jump when the wall clock is set.
public struct Deadline: Comparable, Hashable, Sendable {
  public let nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  public static var now: Deadline {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Deadline(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  /// `seconds` from now; a number too large for the clock is the end of time.
  public static func after(seconds: Double) -> Deadline { now.advanced(seconds: seconds) }

  public func advanced(seconds: Double) -> Deadline {
    let step = (Swift.max(seconds, 0) * 1e9).rounded()
    guard step < 9e18 else { return .distantFuture }
    return Deadline(nanoseconds: nanoseconds &+ UInt64(step))
  }

  public static let distantFuture = Deadline(nanoseconds: .max)

  /// Seconds from now, 0 when it has passed.
  public var secondsLeft: Double {
    let now = Deadline.now.nanoseconds
    return nanoseconds > now ? Double(nanoseconds - now) / 1e9 : 0
  }

  public static func < (a: Deadline, b: Deadline) -> Bool { a.nanoseconds < b.nanoseconds }
}

/// A moment on the wall clock, in seconds since 1970, for people to read; never compared to decide anything.
public struct WallTime: Hashable, Sendable {
  public let seconds: Double

  public init(seconds: Double) { self.seconds = seconds }

  public static var now: WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(seconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
  }

  /// RFC 3339 in UTC with milliseconds: `2026-11-24T06:10:33.123Z`.
  public var rfc3339: String {
    let milliseconds = Int64((seconds * 1000).rounded(.down))
    var whole = time_t(milliseconds / 1000)
    var parts = tm()
    gmtime_r(&whole, &parts)
    func pad(_ number: Int64, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
    let date =
      "\(pad(Int64(parts.tm_year) + 1900, 4))-\(pad(Int64(parts.tm_mon) + 1, 2))-\(pad(Int64(parts.tm_mday), 2))"
    let time = "\(pad(Int64(parts.tm_hour), 2)):\(pad(Int64(parts.tm_min), 2)):\(pad(Int64(parts.tm_sec), 2))"
    return "\(date)T\(time).\(pad(milliseconds % 1000, 3))Z"
  }
}
