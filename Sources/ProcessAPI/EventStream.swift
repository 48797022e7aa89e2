import HTTP
import Linux
import ProcessCore

/// A body of Server-Sent Events, with a comment every 15 seconds in which nothing happened, so that proxies and clients know
/// that it is alive.
final class EventStream: BodySource, @unchecked Sendable {
  // Sendable: the server makes all calls from one loop, one at a time; `isIdle` is what other threads touch.
  enum Step {
    case text(String)
    case parked(Ticket)
    case end
    /// What was parked for is there already: ask again.
    case again
  }

  /// Gives what comes next, or parks an attempt whose completion is `wake`.
  typealias Producer = (_ until: Deadline, _ wake: @escaping @Sendable (_ timedOut: Bool) -> Void) -> Step

  private let produce: Producer
  private var pending: [UInt8] = []
  private var position = 0
  private var ticket: Ticket?
  private let isIdle = Atomic(false)
  private static let keepAliveSeconds = 15.0

  init(_ produce: @escaping Producer) { self.produce = produce }

  func read(into buffer: UnsafeMutableRawBufferPointer, wake: @escaping @Sendable () -> Void) -> Pull {
    while position == pending.count {
      if isIdle.exchange(false, ordering: .relaxed) {
        load(": keep-alive\n\n")
        break
      }
      letGo()
      let step = produce(.after(seconds: Self.keepAliveSeconds)) { timedOut in
        if timedOut { self.isIdle.store(true, ordering: .relaxed) }
        wake()
      }
      switch step {
      case .text(let text): load(text)
      case .parked(let ticket):
        self.ticket = ticket
        return .parked
      case .end: return .end
      case .again: break
      }
    }
    let count = min(buffer.count, pending.count - position)
    buffer.copyBytes(from: pending[position..<position + count])
    position += count
    return .bytes(count)
  }

  func close() { letGo() }

  /// Ends what is still parked, should the server ask again before it was woken; what is parked holds this stream.
  private func letGo() {
    ticket?.hangUp()
    ticket = nil
  }

  private func load(_ text: String) {
    pending = Array(text.utf8)
    position = 0
  }

  /// One event. `data` is one line of JSON.
  static func event(_ type: String, id: UInt64, data: Bytes) -> String {
    "id: \(id)\nevent: \(type)\ndata: \(data.text)\n\n"
  }
}

extension Response {
  static func events(_ producer: @escaping EventStream.Producer) -> Response {
    Response(200, contentType: "text/event-stream", .stream(EventStream(producer)))
  }
}

/// What an attempt means to a stream that parks it.
func step<T>(
  _ wake: @escaping @Sendable (_ timedOut: Bool) -> Void,
  _ attempt: (_ orPark: () -> Completion<T>) throws(CoreError) -> Attempted<T>, _ done: (T) -> EventStream.Step
) -> EventStream.Step {
  do throws(CoreError) {
    let attempted = try attempt {
      { outcome in
        switch outcome {
        case .hungUp: break
        case .timedOut: wake(true)
        case .value, .failed: wake(false)
        }
      }
    }
    switch attempted {
    case .done(let value): return done(value)
    case .parked(let ticket): return .parked(ticket)
    case .timedOut: return .again
    }
  } catch {
    return .end  // The resource is gone.
  }
}
