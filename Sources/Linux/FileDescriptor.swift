import Glibc

/// A descriptor with one owner, closed with it.
public struct FileDescriptor: ~Copyable, Sendable {
  public let raw: CInt

  public init(owning raw: CInt) { self.raw = raw }

  deinit { close(raw) }

  /// Gives the number away; the caller closes it.
  public consuming func release() -> CInt {
    let raw = raw
    discard self
    return raw
  }
}
