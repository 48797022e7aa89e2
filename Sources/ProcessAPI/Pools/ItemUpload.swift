import Glibc
import HTTP
import JSONCodec
import Linux
import ProcessCore

/// Items of a job on their way to it: NDJSON of any length, of which no more is read than there is room for.
///
/// An upload that is to be the end of the items and breaks off cancels the job, whose readers would wait for more for ever.
final class ItemUpload: BodySink, @unchecked Sendable {
  // Sendable: the server makes all calls from one loop, one at a time; what others touch is atomic.
  private let pool: Pool
  private let job: Job
  /// Seconds that it waits for room each time; nil: as long as it takes.
  private let patience: Double?
  private var isLast: Bool
  /// The beginning of an item whose line is not here whole.
  private var rest: [UInt8] = []
  private var accepted = 0
  private var ticket: Ticket?
  private let hasTimedOut = Atomic(false)

  /// The longest item.
  private static let limit = 64 << 20

  init(into job: Job, of pool: Pool, patience: Double?, isLast: Bool) {
    self.job = job
    self.pool = pool
    self.patience = patience
    self.isLast = isLast
  }

  func write(_ data: UnsafeRawBufferPointer, wake: @escaping @Sendable () -> Void) throws(Problem) -> Int {
    ticket = nil
    guard try hasRoom(wake) else { return 0 }
    guard let end = data.lastIndex(of: UInt8(ascii: "\n")) else {
      guard rest.count + data.count <= Self.limit else {
        throw Problem(413, "TooLarge", "an item may have at most \(Self.limit) bytes")
      }
      rest.append(contentsOf: data)
      return data.count
    }
    rest.append(contentsOf: data[...end])
    try take(isLast: false)
    rest.append(contentsOf: data[(end + 1)...])
    return data.count
  }

  private func hasRoom(_ wake: @escaping @Sendable () -> Void) throws(Problem) -> Bool {
    if hasTimedOut.load(ordering: .acquiring) { throw full() }
    let deadline = patience.map { Deadline.after(seconds: $0) }
    let attempted = try core { () throws(CoreError) in
      try job.whenRoom(until: deadline) {
        { [self] outcome in
          if case .timedOut = outcome { hasTimedOut.store(true, ordering: .releasing) }
          wake()
        }
      }
    }
    switch attempted {
    case .done: return true
    case .timedOut: throw full()
    case .parked(let ticket):
      self.ticket = ticket
      return false
    }
  }

  /// The rest may be sent later.
  private func full() -> Problem {
    isLast = false
    return Problem(409, "Full", "\(accepted) items were taken, and there was no room for more in time")
  }

  /// Hands in the items of the lines that are here.
  private func take(isLast: Bool) throws(Problem) {
    let items: ItemList
    do throws(JSONError) {
      items = try ItemList(lines: rest.withUnsafeBytes { Bytes(copying: $0) })
    } catch {
      throw Problem(400, "JSONDecodeError", "after \(accepted) items that were taken the body is not NDJSON: \(error)")
    }
    rest.removeAll(keepingCapacity: rest.count <= 1 << 16)
    pool.feed(job, items, isLast: isLast)
    accepted += items.count
  }

  func finish() throws(Problem) -> Answer {
    do throws(Problem) { try take(isLast: isLast) } catch {
      cancel()
      throw error
    }
    let object = JSON.object()
    object.set("accepted", accepted)
    return .now(.json(object.dump()))
  }

  func cancel() {
    ticket?.hangUp()
    ticket = nil
    if isLast { job.cancel(because: "the items broke off after \(accepted)") }
  }
}
