import Linux

/// Takes a request's body as it comes, so that it is never whole in memory.
///
/// All calls come from the loop of the connection, one at a time.
public protocol BodySink: AnyObject, Sendable {
  /// Takes what it can of `data` from its beginning, and answers how many bytes that was. When it was not all, the client is
  /// held up until `wake` is called, once, from any thread; a call that came before the answer is not lost. What it throws
  /// is answered when the body is over; nothing more is written then.
  func write(_ data: UnsafeRawBufferPointer, wake: @escaping @Sendable () -> Void) throws(Problem) -> Int

  /// The body is whole: what to answer.
  func finish() throws(Problem) -> Answer

  /// The client has gone, or the service drains, before the body was whole. Neither `write` nor `finish` follows.
  func cancel()
}

/// A request's body on its way into its sink.
final class Upload: Sendable {
  private let sink: any BodySink
  private let standstill = Standstill()
  /// Why the rest of the body is read and dropped.
  private let failure = Mutex<Problem?>(nil)

  init(_ sink: any BodySink) { self.sink = sink }

  /// How many bytes were taken. Fewer than there are: the connection is suspended, or is to be.
  func write(_ data: UnsafeRawBufferPointer, for connection: Connection) -> Int {
    var done = 0
    while done < data.count {
      if failure.withLock({ $0 != nil }) { return data.count }
      if connection.loop.isDraining {
        fail(Service.draining)
        continue
      }
      standstill.move()
      do throws(Problem) {
        let rest = UnsafeRawBufferPointer(rebasing: data[done...])
        let count = try sink.write(rest) { [self] in standstill.wake() }
        done += count
        if count == rest.count { break }
      } catch {
        fail(error)
        continue
      }
      if standstill.park(connection) {
        connection.suspend(.upload(self))
        break
      }
    }
    return done
  }

  private func fail(_ problem: Problem) {
    failure.withLock { $0 = problem }
    cancel()
  }

  /// The body is whole.
  func finish() throws(Problem) -> Answer {
    if let problem = failure.withLock({ $0 }) { throw problem }
    standstill.end()
    return try sink.finish()
  }

  /// The request is over, answered or not.
  func cancel() {
    if standstill.end() { sink.cancel() }
  }

  /// True when the connection is suspended and nobody else is about to resume it.
  func interrupt() -> Bool { standstill.interrupt() }
}
