import CMicroHTTPD

extension Server {
  /// libmicrohttpd's.
  public static var libraryVersion: String { MHD_get_version().map { String(cString: $0) } ?? "" }
}
