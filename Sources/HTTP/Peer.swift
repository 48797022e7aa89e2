import CMicroHTTPD
import Glibc

/// Who is at the other end of a connection, for the audit log.
public enum Peer: Hashable, Sendable, CustomStringConvertible {
  /// A process on this machine, as the kernel knows it.
  case unix(uid: UInt32, pid: Int32)
  case ipv4(UInt32, port: UInt16)
  case ipv6(high: UInt64, low: UInt64, port: UInt16)
  case unknown

  /// Of an accepted socket. `SO_PEERCRED` "succeeds" on TCP too, so the family is looked at first.
  init(socket fd: CInt, address: UnsafeRawPointer, count: socklen_t) {
    guard count >= 2 else {
      self = Peer.credentials(of: fd)
      return
    }
    switch CInt(address.load(as: sa_family_t.self)) {
    case AF_UNIX:
      self = Peer.credentials(of: fd)
    case AF_INET where Int(count) >= MemoryLayout<sockaddr_in>.size:
      let address = address.load(as: sockaddr_in.self)
      self = .ipv4(UInt32(bigEndian: address.sin_addr.s_addr), port: UInt16(bigEndian: address.sin_port))
    case AF_INET6 where Int(count) >= MemoryLayout<sockaddr_in6>.size:
      let port = address.load(as: sockaddr_in6.self).sin6_port
      let high = address.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      let low = address.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
      self = .ipv6(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low), port: UInt16(bigEndian: port))
    default:
      self = .unknown
    }
  }

  private static func credentials(of fd: CInt) -> Peer {
    var domain: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    guard getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0, domain == AF_UNIX else { return .unknown }
    var credentials = cmhd_credentials()
    size = socklen_t(MemoryLayout<cmhd_credentials>.size)
    guard getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else { return .unknown }
    return .unix(uid: credentials.uid, pid: credentials.pid)
  }

  public var description: String {
    switch self {
    case .unix(let uid, let pid): return "unix:uid=\(uid),pid=\(pid)"
    case .ipv4(let address, let port):
      return "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255):\(port)"
    case .ipv6(let high, let low, let port):
      func groups(_ half: UInt64) -> [String] {
        stride(from: 48, through: 0, by: -16).map { String(half >> UInt64($0) & 0xffff, radix: 16) }
      }
      return "[\((groups(high) + groups(low)).joined(separator: ":"))]:\(port)"
    case .unknown: return "unknown"
    }
  }
}
