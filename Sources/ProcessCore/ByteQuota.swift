import Linux

/// How many bytes something may keep, within what a larger one may. Any thread may use it.
final class ByteQuota: Sendable {
  private let limit: Int
  private let what: String
  private let whole: ByteQuota?
  private let taken = Atomic(0)

  /// `what` the limit is of, as in "the queue".
  init(_ limit: Int, of what: String, within whole: ByteQuota? = nil) {
    self.limit = limit
    self.what = what
    self.whole = whole
  }

  var used: Int { taken.load(ordering: .relaxed) }

  /// Throws, and takes nothing, when there is not so much left.
  func take(_ count: Int) throws(CoreError) {
    guard taken.add(count, ordering: .relaxed).newValue <= limit else {
      taken.subtract(count, ordering: .relaxed)
      throw CoreError(.quota, "\(what) may keep at most \(limit) bytes")
    }
    do throws(CoreError) { try whole?.take(count) } catch {
      taken.subtract(count, ordering: .relaxed)
      throw error
    }
  }

  func giveBack(_ count: Int) {
    taken.subtract(count, ordering: .relaxed)
    whole?.giveBack(count)
  }
}

/// What queues and pipes may take of the service's memory.
public struct QueueLimits: Sendable {
  /// How many messages a queue may have, reserved ones included.
  public var messages = 10_000_000
  /// How many bytes a queue may keep: of each message its payload, its content type and 64 more.
  public var bytes = 512 << 20
  /// How many bytes all queues and pipes together may keep.
  public var totalBytes = 1 << 30
  /// How large the capacity of a pipe may be.
  public var pipeCapacity = 64 << 20

  public init() {}
}
