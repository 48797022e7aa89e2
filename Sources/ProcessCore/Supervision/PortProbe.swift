import CLinux
import Glibc
import Linux

/// Connects to a port every now and then, by IPv4 and IPv6 in turn.
final class PortProbe: Alarm, ReadinessProbe, ReactorSource, @unchecked Sendable {
  // Sendable: the fields that change are touched on the reactor's thread alone, where alarms ring.
  private let run: Run
  private let port: UInt16
  private let interval: Double
  private let token: UInt64
  private var fd: CInt = -1
  private var isVersion6 = false

  private var context: ProcessContext { run.process.context }

  init(_ run: Run, _ port: UInt16, every interval: Double) {
    self.run = run
    self.port = port
    self.interval = interval
    token = run.process.context.reactor.makeToken()
    super.init()
    context.alarms.set(self, at: .now)
  }

  deinit { if fd >= 0 { close(fd) } }

  func cancel() { context.alarms.unset(self) }

  override func ring() {
    letGo()
    guard run.isUnready else { return }
    defer { isVersion6.toggle() }
    fd = socket(
      isVersion6 ? AF_INET6 : AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    let error = fd >= 0 && connect() == 0 ? 0 : errno
    if error == 0 {
      letGo()
      return run.becomeReady()
    }
    // What takes longer than that is tried anew.
    context.alarms.set(self, at: .after(seconds: interval))
    if fd >= 0, error == EINPROGRESS,
      (try? context.reactor.watch(fd, for: EPOLLOUT.rawValue, token: token, self)) != nil
    {
      return
    }
    letGo()
  }

  func ready(_ events: UInt32, on reactor: Reactor) {
    guard fd >= 0 else { return }
    var error: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    let isConnected = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0
    letGo()
    if isConnected { run.becomeReady() }
  }

  private func letGo() {
    guard fd >= 0 else { return }
    context.reactor.unwatch(fd, token: token)
    close(fd)
    fd = -1
  }

  private func connect() -> CInt {
    if isVersion6 {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      address.sin6_addr = in6addr_loopback
      return connect(&address)
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return connect(&address)
  }

  private func connect<Address>(_ address: inout Address) -> CInt {
    withUnsafeBytes(of: &address) { bytes in
      Glibc.connect(fd, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
    }
  }
}
