import HTTP
import JSONCodec
import Linux
import ProcessCore

/// The queues that the outcome of a job is put into: its result into one, the error that ended it into the other; Python's
/// `callback` and `error_callback`.
///
/// A queue that is full takes the outcome when there is room; one that is closed or gone by then does not. The job keeps it
/// in any case.
struct Callbacks: Sendable {
  private let result: Queue?
  private let error: Queue?
  private let collects: Bool

  /// nil when the client names none.
  init?(_ input: TaskInput, in commons: Commons) throws(Problem) {
    if input.callback == nil, input.errorCallback == nil { return nil }
    result = input.callback.flatMap { commons.queues.registry.find($0) }
    error = input.errorCallback.flatMap { commons.queues.registry.find($0) }
    var missing: [String] = []
    if input.callback != nil, result == nil { missing.append("/callback") }
    if input.errorCallback != nil, error == nil { missing.append("/error_callback") }
    if !missing.isEmpty { throw .invalid(missing.map { .init($0, "there is no queue of that name") }) }
    collects = !input.call.stopsOnError
  }

  func follow(_ job: Job, of pool: Pool) {
    let name = pool.name
    do throws(CoreError) {
      let attempted = try job.get(until: nil) {
        { outcome in
          switch outcome {
          case .value(let value): put(value, job, name)
          case .failed(let error): put(error, job, name)
          case .timedOut, .hungUp: break
          }
        }
      }
      if case .done(let value) = attempted { put(value, job, name) }
    } catch {
      put(error, job, name)
    }
  }

  private func put(_ value: JobResult, _ job: Job, _ pool: Name) {
    guard let result else { return }
    put(value.document(collects: collects), into: result, job, pool)
  }

  private func put(_ error: CoreError, _ job: Job, _ pool: Name) {
    guard let queue = self.error else { return }
    put(Bytes("{\"error\":\(error.json)}"), into: queue, job, pool)
  }

  /// `document` is an object with one member or two; before them comes whose outcome it is.
  private func put(_ document: Bytes, into queue: Queue, _ job: Job, _ pool: Name) {
    var text = TextBuffer(capacity: document.count + 100)
    text.append(#"{"pool":""#)
    text.append(pool.text)
    text.append(#"","job":"#)
    text.append(job.id ?? 0)
    text.append(",")
    withExtendedLifetime(document) { text.append(UnsafeRawBufferPointer(rebasing: document.buffer.dropFirst())) }
    let message = Message(text.finish(), .json)
    _ = try? queue.put(message, until: nil, orPark: { { _ in } })
  }
}
