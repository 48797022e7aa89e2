/// How large the head of a request may be. What is larger is refused.
enum HeadLimits {
  /// Bytes of the target, its query included.
  static let target = 2048
  /// Bytes of the header fields as they came, with their line ends.
  static let bytes = 8192
  static let fields = 64

  /// What libmicrohttpd sets aside for a connection: the largest head, a record of its own for each field, the head of the
  /// response and room to spare. What else it reads goes into what is left, and more than that it gives up.
  ///
  /// It clears all of it between two requests of a connection, which touches its pages: more would cost time and memory.
  static let connectionMemory = target + bytes + fields * 64 + 1024
}
