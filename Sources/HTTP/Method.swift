/// A request method that this service knows; any other is 501.
public enum Method: UInt8, CaseIterable, Sendable {
  case get, head, post, put, delete, patch, options

  public var name: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .patch: "PATCH"
    case .options: "OPTIONS"
    }
  }
}
