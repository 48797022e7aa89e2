import CLinux
import Glibc

/// A thread of the daemon's own that runs for as long as its body does.
///
/// Signals stay blocked in it as they are in its creator. The name shows in `top -H` and is cut at 15 bytes.
public struct Thread: Sendable {
  private let handle: pthread_t

  public init(_ name: String, stackBytes: Int = 1 << 20, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackBytes)
    var handle = pthread_t()
    let code = pthread_create(&handle, &attributes, run, start.toOpaque())
    guard code == 0 else {
      start.release()
      throw SystemError("pthread_create", errno: code)
    }
    self.handle = handle
  }

  public func join() { pthread_join(handle, nil) }
}

private final class Start {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

private func run(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
  clinux_set_thread_name(String(start.name.prefix(15)))
  start.body()
  return nil
}
