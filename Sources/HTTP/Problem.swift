/// An RFC 9457 problem document: every answer that is not a success.
public struct Problem: Error, Sendable {
  public var status: Int
  /// A stable name that programs switch on: Python's class where there is one (`Empty`, `TimeoutError`).
  public var code: String
  /// What happened to this request, for people.
  public var detail: String
  /// The fields that are wrong.
  public var errors: [FieldError] = []
  /// Members beside the standard ones, as in `"step": "exec"`.
  public var members: [(name: String, value: Member)] = []
  /// Response headers, as in `Allow` and `Retry-After`.
  public var headers: [(name: String, value: String)] = []

  public enum Member: Sendable {
    case text(String)
    case integer(Int)
  }

  public struct FieldError: Hashable, Sendable {
    /// A JSON pointer (RFC 6901) into the request's document, or the name of a query parameter or header as in `?timeout`.
    public let pointer: String
    public let detail: String

    public init(_ pointer: String, _ detail: String) {
      self.pointer = pointer
      self.detail = detail
    }
  }

  public init(_ status: Int, _ code: String, _ detail: String, errors: [FieldError] = []) {
    self.status = status
    self.code = code
    self.detail = detail
    self.errors = errors
  }
}
