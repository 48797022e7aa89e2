import CLinux
import Glibc

/// An `errno` value that a system call left, with the call's name.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  public let call: String
  public let errno: CInt

  public init(_ call: String, errno: CInt) {
    self.call = call
    self.errno = errno
  }

  /// The symbol, as in `ENOENT`.
  public var symbol: String { clinux_errno_symbol(errno).map { String(cString: $0) } ?? "E\(errno)" }
  /// The system's sentence, as in "No such file or directory".
  public var message: String { clinux_errno_message(errno).map { String(cString: $0) } ?? "error \(errno)" }
  public var description: String { "\(call): \(message) (\(symbol))" }
}

/// Runs a system call that returns -1 on failure: again after `EINTR`, else the failure is thrown under the call's name.
///
/// `EBADF` and `EFAULT` are faults of this program, and end it before it touches another file's descriptor.
@discardableResult
public func system<R: FixedWidthInteger & SignedInteger>(
  _ call: String, _ body: () -> R
) throws(SystemError) -> R {
  while true {
    let result = body()
    if result != -1 { return result }
    let code = errno
    if code == EINTR { continue }
    precondition(code != EBADF && code != EFAULT, "\(call) was given a bad descriptor or address")
    throw SystemError(call, errno: code)
  }
}
