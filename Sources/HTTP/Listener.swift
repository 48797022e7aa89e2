import CLinux
import Glibc
import Linux

/// A listening socket. Loops share it; whoever made it closes it after they are done.
struct Listener: Sendable {
  let fd: CInt
  /// With the port that it got.
  let address: ListenAddress

  init(_ address: ListenAddress) throws(ListenError) {
    switch address {
    case .tcp(let host, let port): self = try Listener.tcp(host, port)
    case .unix(let path): self = try Listener.unix(path)
    }
  }

  private init(fd: CInt, address: ListenAddress) {
    self.fd = fd
    self.address = address
  }

  func close() {
    Glibc.close(fd)
    if case .unix(let path) = address { unlink(path) }
  }

  private static func tcp(_ host: String, _ port: UInt16) throws(ListenError) -> Listener {
    let asked = ListenAddress.tcp(host: host, port: port)
    var four = sockaddr_in()
    var six = sockaddr_in6()
    if inet_pton(AF_INET, host, &four.sin_addr) == 1 {
      four.sin_family = sa_family_t(AF_INET)
      four.sin_port = port.bigEndian
      let fd = try bind(&four, MemoryLayout<sockaddr_in>.size, AF_INET, asked)
      var count = socklen_t(MemoryLayout<sockaddr_in>.size)
      withBytes(&four) { _ = getsockname(fd, $0, &count) }
      return Listener(fd: fd, address: .tcp(host: host, port: UInt16(bigEndian: four.sin_port)))
    }
    guard inet_pton(AF_INET6, host, &six.sin6_addr) == 1 else { throw .notAnAddress(host) }
    six.sin6_family = sa_family_t(AF_INET6)
    six.sin6_port = port.bigEndian
    let fd = try bind(&six, MemoryLayout<sockaddr_in6>.size, AF_INET6, asked)
    var count = socklen_t(MemoryLayout<sockaddr_in6>.size)
    withBytes(&six) { _ = getsockname(fd, $0, &count) }
    return Listener(fd: fd, address: .tcp(host: host, port: UInt16(bigEndian: six.sin6_port)))
  }

  private static func unix(_ path: String) throws(ListenError) -> Listener {
    let asked = ListenAddress.unix(path: path)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    guard !path.isEmpty, path.utf8.count < capacity else { throw .pathTooLong(path) }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    try checkFolder(of: path, asked)
    try removeStale(path, address, asked)
    let mask = umask(0o177)
    defer { umask(mask) }
    let fd = try bind(&address, MemoryLayout<sockaddr_un>.size, AF_UNIX, asked)
    return Listener(fd: fd, address: asked)
  }

  /// Whoever may write to the folder could put a socket of their own in place of ours.
  private static func checkFolder(of path: String, _ asked: ListenAddress) throws(ListenError) {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    var status = stat()
    do { try system("stat") { stat(folder, &status) } } catch { throw .system(asked, error) }
    guard status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else { throw .folderNotOurs(path) }
  }

  private static func removeStale(
    _ path: String, _ address: sockaddr_un, _ asked: ListenAddress
  ) throws(ListenError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw .system(asked, SystemError("bind", errno: EEXIST)) }
    let probe = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    defer { Glibc.close(probe) }
    var address = address
    let result = withBytes(&address) { connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    guard result == -1, errno == ECONNREFUSED else { throw .inUse(path) }
    unlink(path)
  }

  private static func bind<Address>(
    _ address: inout Address, _ size: Int, _ family: CInt, _ asked: ListenAddress
  ) throws(ListenError) -> CInt {
    do {
      let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
      let fd = FileDescriptor(owning: try system("socket") { socket(family, kind, 0) })
      var one: CInt = 1
      if family != AF_UNIX { setsockopt(fd.raw, SOL_SOCKET, SO_REUSEADDR, &one, 4) }
      if family == AF_INET6 { setsockopt(fd.raw, CInt(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4) }
      try withBytes(&address) { (bytes) throws(SystemError) in
        _ = try system("bind") { Glibc.bind(fd.raw, bytes, socklen_t(size)) }
      }
      if family != AF_UNIX, asked.isLoopback { Self.congestNothing(fd.raw) }
      try system("listen") { listen(fd.raw, 4096) }
      return fd.release()
    } catch {
      throw .system(asked, error)
    }
  }

  /// What comes by the loopback device cannot be congested, and the plainest way to control that costs the kernel the least;
  /// every system has it. Accepted sockets are as the listening one.
  private static func congestNothing(_ fd: CInt) {
    let name = StaticString("reno")
    setsockopt(fd, CInt(IPPROTO_TCP), TCP_CONGESTION, name.utf8Start, socklen_t(name.utf8CodeUnitCount))
  }
}

private func withBytes<Address, R, E: Error>(
  _ address: inout Address, _ body: (UnsafeMutablePointer<sockaddr>) throws(E) -> R
) throws(E) -> R {
  try withUnsafeMutablePointer(to: &address) { (pointer) throws(E) in
    try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { (pointer) throws(E) in try body(pointer) }
  }
}
