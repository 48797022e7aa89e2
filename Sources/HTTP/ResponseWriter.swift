import CMicroHTTPD
import Glibc
import Linux

/// Makes the library's response of ours.
enum ResponseWriter {
  /// Nil when a header cannot be sent. The caller releases it with `MHD_destroy_response`.
  static func make(_ response: Response, for exchange: Exchange?) -> OpaquePointer? {
    guard let raw = body(response.body, exchange) else { return nil }
    var isGood = MHD_add_response_header(raw, "Cache-Control", "no-store") == .YES
    isGood = MHD_add_response_header(raw, "X-Content-Type-Options", "nosniff") == .YES && isGood
    if let type = response.contentType {
      isGood = MHD_add_response_header(raw, "Content-Type", type) == .YES && isGood
    }
    for (name, value) in response.headers { isGood = add(name, value, to: raw) && isGood }
    if isGood { return raw }
    MHD_destroy_response(raw)
    return nil
  }

  /// The library refuses line ends alone.
  private static func add(_ name: String, _ value: String, to raw: OpaquePointer) -> Bool {
    if value.isEmpty, name == "Allow" { return true }
    guard name.utf8.allSatisfy(ByteClass.isToken), !value.utf8.contains(where: ByteClass.isControl) else {
      return false
    }
    return MHD_add_response_header(raw, name, value) == .YES
  }

  private static func body(_ body: Response.Body, _ exchange: Exchange?) -> OpaquePointer? {
    switch body {
    case .none: return MHD_create_response_from_buffer(0, nil, .RESPMEM_PERSISTENT)
    case .bytes(let bytes):
      return MHD_create_response_from_buffer_with_free_callback_cls(
        bytes.count, bytes.start, releaseBytes, Unmanaged.passRetained(bytes).toOpaque())
    case .stream(let source):
      guard let exchange else { return nil }
      let stream = Unmanaged.passRetained(Streaming(StreamBody(source), exchange))
      return MHD_create_response_from_callback(cmhd_size_unknown, 16384, readStream, stream.toOpaque(), closeStream)
    }
  }
}

/// A body and the request that it answers; the library owns it until the response is over.
private final class Streaming {
  let body: StreamBody
  let exchange: Exchange

  init(_ body: StreamBody, _ exchange: Exchange) {
    self.body = body
    self.exchange = exchange
  }
}

private func releaseBytes(_ bytes: UnsafeMutableRawPointer?) {
  if let bytes { Unmanaged<Bytes>.fromOpaque(bytes).release() }
}

private func readStream(
  _ stream: UnsafeMutableRawPointer?, _: UInt64, _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int
) -> Int {
  guard let stream else { return Int(cmhd_end_with_error) }
  let streaming = Unmanaged<Streaming>.fromOpaque(stream).takeUnretainedValue()
  return streaming.body.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size), for: streaming.exchange)
}

private func closeStream(_ stream: UnsafeMutableRawPointer?) {
  if let stream { Unmanaged<Streaming>.fromOpaque(stream).takeRetainedValue().body.close() }
}

/// A response that is made once and sent many times.
final class PreparedResponse: @unchecked Sendable {
  // Sendable: the library counts its references under a lock, and nothing else of it changes.
  let raw: OpaquePointer

  init?(_ response: Response) {
    guard let raw = ResponseWriter.make(response, for: nil) else { return nil }
    self.raw = raw
  }

  deinit { MHD_destroy_response(raw) }
}
