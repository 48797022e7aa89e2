public import Linux

/// What a handler answers; the server writes it.
public struct Response: Sendable {
  public var status: Int
  /// The media type of the body; nil when there is none.
  public var contentType: String?
  public var headers: [(name: String, value: String)] = []
  public var body: Body
  /// Called on the loop when the connection broke before the kernel had taken all of the response. That it had is no
  /// proof that the client got it.
  public var onUndelivered: (@Sendable () -> Void)?
  var prepared: PreparedResponse?

  public enum Body: Sendable {
    case none
    /// Sent from where they are; kept until the last byte is out.
    case bytes(Bytes)
    /// Pulled on the loop as the client reads; chunked.
    case stream(any BodySource)
  }

  public init(_ status: Int, contentType: String? = nil, _ body: Body = .none) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  public static func json(_ bytes: Bytes, status: Int = 200) -> Response {
    Response(status, contentType: "application/json", .bytes(bytes))
  }

  public static func text(_ text: String, contentType: String = "text/plain; charset=utf-8") -> Response {
    Response(200, contentType: contentType, .bytes(Bytes(text)))
  }

  public static let noContent = Response(204).premade()

  /// One that is ready already. Only its status and `onUndelivered` may be set afterwards, and `with` be called: what else
  /// there is of it is in `prepared`, so that copies of this cost little.
  public init(_ prepared: PreparedResponse) {
    self.init(prepared.status)
    onUndelivered = prepared.onUndelivered
    self.prepared = prepared
  }

  /// The same, made once for all the times that it is sent. Its body is no stream.
  public func premade() -> Response { Response(PreparedResponse(self)) }

  /// The same with a header added. The value must have no control bytes.
  public func with(_ name: String, _ value: String) -> Response {
    var response = whole
    response.headers.append((name, value))
    return response
  }

  /// The same with everything in its own fields.
  var whole: Response {
    guard var response = prepared?.original else { return self }
    response.status = status
    response.onUndelivered = onUndelivered
    return response
  }

  /// How many bytes its body has, as far as that is known.
  var count: Int { if case .bytes(let bytes) = body { bytes.count } else { 0 } }
}

/// A body whose length is not known when it begins.
///
/// All calls come from the loop of the connection, one at a time.
public protocol BodySource: AnyObject, Sendable {
  /// Writes what there is into `buffer`. A source that has nothing yet answers `.parked` and calls `wake` once, from any
  /// thread, when it is worth asking again; a call of `wake` that came before the answer is not lost.
  func read(into buffer: UnsafeMutableRawBufferPointer, wake: @escaping @Sendable () -> Void) -> Pull

  /// The response is over or its client is gone; nothing is read afterwards. Called exactly once.
  func close()
}

public enum Pull: Sendable {
  case bytes(Int)
  case parked
  case end
  /// The body cannot be continued: the connection is cut, so that the client sees that it is not whole.
  case abort
}
