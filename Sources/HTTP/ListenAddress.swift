public import Linux

import CLinux
import Glibc

/// Where a server listens.
public enum ListenAddress: Hashable, Sendable, CustomStringConvertible {
  /// `host` is a numeric address without brackets. Port 0: a free one.
  case tcp(host: String, port: UInt16)
  /// The path of a socket; its folder must be ours.
  case unix(path: String)

  /// Of `HOST:PORT`, as in `127.0.0.1:8080`, `[::1]:0` and `localhost:8080`; nil when it is none.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var host = String(text[..<colon])
    if host == "localhost" { host = "127.0.0.1" }
    if host.hasPrefix("[") && host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
      var address = in6_addr()
      guard inet_pton(AF_INET6, host, &address) == 1 else { return nil }
    } else {
      var address = in_addr()
      guard inet_pton(AF_INET, host, &address) == 1 else { return nil }
    }
    self = .tcp(host: host, port: port)
  }

  /// Whether only this machine can reach it.
  public var isLoopback: Bool {
    switch self {
    case .unix: return true
    case .tcp(let host, _):
      var four = in_addr()
      if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
      var six = in6_addr()
      guard inet_pton(AF_INET6, host, &six) == 1 else { return false }
      return withUnsafeBytes(of: six) { $0.dropLast().allSatisfy { $0 == 0 } && $0[15] == 1 }
    }
  }

  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): path
    }
  }
}

/// Why a server cannot listen somewhere.
public enum ListenError: Error, Hashable, Sendable, CustomStringConvertible {
  case system(ListenAddress, SystemError)
  case notAnAddress(String)
  case pathTooLong(String)
  case folderNotOurs(String)
  /// Another server answers there.
  case inUse(String)

  public var description: String {
    switch self {
    case .system(let address, let error): "cannot listen on \(address): \(error)"
    case .notAnAddress(let host): "not a numeric address: \(host)"
    case .pathTooLong(let path): "the path of a socket has at most 107 bytes: \(path)"
    case .folderNotOurs(let path): "the folder of \(path) belongs to somebody else, or others may write to it"
    case .inUse(let path): "another server listens on \(path)"
    }
  }
}
