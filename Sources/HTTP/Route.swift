/// One row of the table that maps requests to operations.
public struct Route: Sendable {
  /// Answers a request, on the loop that read it. What it cannot answer at once it parks.
  public typealias Handler = @Sendable (Request) throws(Problem) -> Answer

  public let method: Method
  /// As in openapi.yaml: `/v1/processes/{name}/join`.
  public let path: String
  /// The operationId of openapi.yaml.
  public let operation: String
  public let access: Access
  public let body: BodyRule
  /// Whether the audit log records each call.
  public let isAudited: Bool
  public let handler: Handler

  public init(
    _ method: Method, _ path: String, _ operation: String, access: Access = .authenticated, body: BodyRule = .none,
    audited: Bool = false, _ handler: @escaping Handler
  ) {
    self.method = method
    self.path = path
    self.operation = operation
    self.access = access
    self.body = body
    self.isAudited = audited
    self.handler = handler
  }
}

/// Who may call an operation.
public enum Access: Sendable {
  /// Anybody who reaches the socket: health probes.
  case open
  /// The operator, or a process with the token it was started with.
  case authenticated
  /// The operator alone.
  case operatorOnly
}

/// What an operation does with a request's body.
public enum BodyRule: Sendable {
  /// A body is 400 (GET, HEAD, DELETE) or 415 (others), unless it is empty.
  case none
  /// A JSON document, `application/json`, at most `maxBody` bytes.
  case document
  /// As `document`, and may be absent: by `null` too, which is how clients that are generated for some languages leave it out.
  case optionalDocument
  /// The caller's own bytes of any type, at most `maxMessage` bytes.
  case payload
  /// The caller's own bytes, of any type and any length, taken as they come: the handler is called before them, and answers
  /// `.upload`.
  case stream
}
