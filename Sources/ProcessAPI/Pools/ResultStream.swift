import HTTP
import Linux
import ProcessCore

/// The results of a job as NDJSON, one line as each comes: {"index", "value"} or {"index", "error"}.
///
/// What ends the whole job is a last line whose index is null.
final class ResultStream: BodySource, @unchecked Sendable {
  // Sendable: the server makes all calls from one loop, one at a time.
  private let job: Job
  /// Where others may go on to read it. nil: a client that goes before the end has the job cancelled.
  private let pool: Pool?
  private var text = TextBuffer(capacity: 0)
  private var position = 0
  private var isOver = false
  private var ticket: Ticket?

  init(_ job: Job, listedIn pool: Pool? = nil) {
    self.job = job
    self.pool = pool
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, wake: @escaping @Sendable () -> Void) -> Pull {
    while position == text.bytes.count {
      if isOver { return .end }
      letGo()
      if let pull = load(buffer.count, wake) { return pull }
    }
    let count = min(buffer.count, text.bytes.count - position)
    buffer.copyBytes(from: text.bytes[position..<position + count])
    position += count
    return .bytes(count)
  }

  /// nil when there is something to send now.
  private func load(_ size: Int, _ wake: @escaping @Sendable () -> Void) -> Pull? {
    text = TextBuffer(capacity: size + 256)
    position = 0
    do throws(CoreError) {
      if let results = try job.fetch(bytes: size) {
        isOver = results.isEmpty
        for result in results { write(result) }
      } else if case .parked(let ticket) = try job.whenFetchable(until: nil, orPark: { { _ in wake() } }) {
        self.ticket = ticket
        return .parked
      }
    } catch {
      isOver = true
      text.append(#"{"index":null,"error":"#)
      text.append(error.json)
      text.append("}\n")
    }
    return nil
  }

  private func write(_ result: StreamedResult) {
    text.append(#"{"index":"#)
    switch result {
    case .line(let index, let line):
      text.append(index)
      text.append(",")
      // The worker's own line, without the bracket that it begins with.
      let start = line.buffer.index(of: UInt8(ascii: "{"), from: 0) + 1
      text.append(UnsafeRawBufferPointer(rebasing: line.buffer[start...]))
      text.append("\n")
    case .value(let index, let value):
      text.append(index)
      text.append(#","value":"#)
      text.append(value.buffer)
      text.append("}\n")
    case .failure(let index, let error):
      text.append(index)
      text.append(#","error":"#)
      text.append(error.json)
      text.append("}\n")
    }
  }

  func close() {
    letGo()
    guard let pool else { return _ = job.cancel() }
    if isOver { pool.wasRead(job) }
  }

  private func letGo() {
    ticket?.hangUp()
    ticket = nil
  }
}
