import CMicroHTTPD
import Glibc
import Linux

/// Makes the library's response of ours.
enum ResponseWriter {
  /// Nil when a header cannot be sent. The caller releases it with `MHD_destroy_response`.
  static func make(_ response: Response, for connection: Connection?) -> OpaquePointer? {
    guard let raw = body(response.body, connection) else { return nil }
    return addFields(of: response.contentType, response.headers, to: raw)
  }

  /// A response with memory of its own, which may be written to while it is not being sent, and is freed with it.
  static func make(copyOf bytes: Bytes, _ type: String) -> (raw: OpaquePointer, start: UnsafeMutableRawPointer)? {
    guard let start = malloc(bytes.count) else { return nil }
    start.copyMemory(from: bytes.start, byteCount: bytes.count)
    guard let raw = MHD_create_response_from_buffer(bytes.count, start, .RESPMEM_MUST_FREE) else {
      free(start)
      return nil
    }
    return addFields(of: type, [], to: raw).map { ($0, start) }
  }

  private static func addFields(
    of type: String?, _ headers: [(name: String, value: String)], to raw: OpaquePointer
  ) -> OpaquePointer? {
    var isGood = MHD_add_response_header(raw, "Cache-Control", "no-store") == .YES
    isGood = MHD_add_response_header(raw, "X-Content-Type-Options", "nosniff") == .YES && isGood
    if let type {
      isGood = MHD_add_response_header(raw, "Content-Type", type) == .YES && isGood
    }
    for (name, value) in headers { isGood = add(name, value, to: raw) && isGood }
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

  private static func body(_ body: Response.Body, _ connection: Connection?) -> OpaquePointer? {
    switch body {
    case .none: return MHD_create_response_from_buffer(0, nil, .RESPMEM_PERSISTENT)
    case .bytes(let bytes):
      return MHD_create_response_from_buffer_with_free_callback_cls(
        bytes.count, bytes.start, releaseBytes, Unmanaged.passRetained(bytes).toOpaque())
    case .file(let file, _, let offset, let count):
      // The library closes its descriptor when the response is over.
      let own = cmhd_duplicate(file)
      guard own >= 0 else { return nil }
      let raw = MHD_create_response_from_fd_at_offset64(UInt64(count), own, UInt64(offset))
      if raw == nil { close(own) }
      return raw
    case .stream(let source):
      guard let connection else { return nil }
      let stream = Unmanaged.passRetained(Streaming(StreamBody(source), connection))
      return MHD_create_response_from_callback(cmhd_size_unknown, 16384, readStream, stream.toOpaque(), closeStream)
    }
  }
}

/// A body and the connection that it is sent on; the library owns it until the response is over.
private final class Streaming {
  let body: StreamBody
  let connection: Connection

  init(_ body: StreamBody, _ connection: Connection) {
    self.body = body
    self.connection = connection
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
  return streaming.body.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size), for: streaming.connection)
}

private func closeStream(_ stream: UnsafeMutableRawPointer?) {
  if let stream { Unmanaged<Streaming>.fromOpaque(stream).takeRetainedValue().body.close() }
}
