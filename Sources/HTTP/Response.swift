public import Linux

/// What a handler answers; the server writes it.
public struct Response: Sendable {
  public var status: Int
  /// The media type of the body; nil when there is none.
  public var contentType: String?
  public var headers: [(name: String, value: String)]
  public var body: Body
  /// Called when the kernel did not take all of the response: the connection broke before, or the client had gone already, be
  /// it while the request waited. In the latter case by whoever sends the reply, else on the loop. That the kernel took it is
  /// no proof that the client got it.
  public var onUndelivered: (@Sendable () -> Void)?
  var prepared: PreparedResponse?

  public enum Body: Sendable {
    case none
    /// Sent from where they are; kept until the last byte is out.
    case bytes(Bytes)
    /// `count` bytes from `offset` on of an open file, by sendfile(2); `owner` keeps the descriptor open. When the file turns out
    /// to be shorter the connection is cut, so that the client sees that the body is not whole.
    case file(CInt, owner: any AnyObject & Sendable, offset: Int, count: Int)
    /// Pulled on the loop as the client reads; chunked.
    case stream(any BodySource)
  }

  public init(
    _ status: Int, contentType: String? = nil, _ body: Body = .none, headers: [(name: String, value: String)] = [],
    onUndelivered: (@Sendable () -> Void)? = nil
  ) {
    self.status = status
    self.contentType = contentType
    self.headers = headers
    self.body = body
    self.onUndelivered = onUndelivered
  }

  public static func json(_ bytes: Bytes, status: Int = 200) -> Response {
    Response(status, contentType: "application/json", .bytes(bytes))
  }

  public static func text(_ text: String, contentType: String = "text/plain; charset=utf-8") -> Response {
    Response(200, contentType: contentType, .bytes(Bytes(text)))
  }

  public static let noContent = Response(PreparedResponse.noContent)

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

  /// How many bytes its body has; nil of a stream.
  var count: Int? {
    switch body {
    case .bytes(let bytes): bytes.count
    case .file(_, _, _, let count): count
    case .none: 0
    case .stream: nil
    }
  }
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
