import CLinux
import Glibc
public import Linux

extension ListenAddress {
  /// A blocking connection to whoever listens there.
  public func connect() throws(SystemError) -> FileDescriptor {
    switch self {
    case .unix(let path):
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
        throw SystemError("connect", errno: ENAMETOOLONG)
      }
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      return try connect(&address, AF_UNIX)
    case .tcp(let host, let port):
      // What listens everywhere listens on the loopback address too.
      var four = sockaddr_in()
      if inet_pton(AF_INET, host == "0.0.0.0" ? "127.0.0.1" : host, &four.sin_addr) == 1 {
        four.sin_family = sa_family_t(AF_INET)
        four.sin_port = port.bigEndian
        return try connect(&four, AF_INET)
      }
      var six = sockaddr_in6()
      inet_pton(AF_INET6, host == "::" ? "::1" : host, &six.sin6_addr)
      six.sin6_family = sa_family_t(AF_INET6)
      six.sin6_port = port.bigEndian
      return try connect(&six, AF_INET6)
    }
  }

  private func connect<Address>(_ address: inout Address, _ family: CInt) throws(SystemError) -> FileDescriptor {
    let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    let fd = FileDescriptor(owning: try system("socket") { socket(family, kind, 0) })
    let size = socklen_t(MemoryLayout<Address>.size)
    try withUnsafePointer(to: &address) { pointer throws(SystemError) in
      _ = try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer throws(SystemError) in
        try system("connect") { Glibc.connect(fd.raw, pointer, size) }
      }
    }
    return fd
  }
}
