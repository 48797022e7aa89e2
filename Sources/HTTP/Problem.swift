public import JSONCodec

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
    /// A JSON text, passed on as it is.
    case json(String)
  }

  /// Where in the request something is wrong: a JSON pointer into its document, or the name of a query parameter or header
  /// as in `?timeout`.
  public typealias FieldError = JSONCodec.FieldError

  public init(_ status: Int, _ code: String, _ detail: String, errors: [FieldError] = []) {
    self.status = status
    self.code = code
    self.detail = detail
    self.errors = errors
  }
}
