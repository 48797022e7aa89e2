import CMicroHTTPD

/// A response that is made once and sent many times. Its body is no stream.
public final class PreparedResponse: @unchecked Sendable {
  // Sendable: the library counts its references under a lock, and nothing else of it changes.
  let original: Response
  /// The same as in `original`, whose copying counts a reference for each of its fields.
  let status: Int
  let onUndelivered: (@Sendable () -> Void)?
  /// The library's; nil when that does not take it.
  let raw: OpaquePointer?
  /// How many bytes its body has.
  let count: Int

  public static let noContent = PreparedResponse(Response(204))

  public init(_ response: Response) {
    original = response.whole
    status = original.status
    onUndelivered = original.onUndelivered
    raw = ResponseWriter.make(original, for: nil)
    count = original.count ?? 0
  }

  deinit { if let raw { MHD_destroy_response(raw) } }
}
