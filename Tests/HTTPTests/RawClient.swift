import CLinux
import CMicroHTTPDHooks
import Glibc
import Linux
import Testing

@testable import HTTP

/// A socket with a test's own bytes on it.
final class RawClient {
  let fd: CInt
  private let isTCP: Bool

  init(_ address: ListenAddress) throws {
    switch address {
    case .tcp(let host, let port):
      isTCP = true
      fd = try system("socket") { socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0) }
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      inet_pton(AF_INET, host, &name.sin_addr)
      try connect(&name)
    case .unix(let path):
      isTCP = false
      fd = try system("socket") { socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0) }
      var name = sockaddr_un()
      name.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
      try connect(&name)
    }
  }

  deinit { close(fd) }

  /// Whether something can be read now.
  var hasBytes: Bool {
    var state = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    return poll(&state, 1, 0) == 1
  }

  /// Hangs up by TCP, and returns when the server's kernel knows. Closing alone may come late: a child that another thread
  /// starts just now holds every descriptor until it execs.
  func leave() {
    shutdown(fd, CInt(SHUT_RDWR))
    var state: UInt8 = 0
    let hasLeft = eventually {
      var count = socklen_t(1)
      getsockopt(fd, CInt(IPPROTO_TCP), Self.tcpInfo, &state, &count)
      return Self.ended.contains(state)
    }
    if !hasLeft { Issue.record("the server does not acknowledge the end: state \(state)") }
  }

  /// TCP_INFO, of which the state is the first byte; TCP_FIN_WAIT2, TCP_TIME_WAIT and TCP_CLOSE.
  private static let tcpInfo: CInt = 11, ended: Set<UInt8> = [5, 6, 7]

  private func connect<Name>(_ name: inout Name) throws {
    _ = try withUnsafePointer(to: &name) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        try system("connect") { Glibc.connect(fd, pointer, socklen_t(MemoryLayout<Name>.size)) }
      }
    }
  }

  /// False when the server has closed the connection.
  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool { Self.send(bytes, on: fd) }

  /// Whether the server's kernel has all that was sent: even over loopback a busy machine may take its time.
  var hasArrived: Bool { !isTCP || cmhd_is_drained(fd) }

  static func send(_ bytes: [UInt8], on fd: CInt) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(fd, $0.baseAddress! + sent, bytes.count - sent, CInt(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  /// What came by the end of the connection or by the deadline, or until `enough` says so.
  func read(seconds: Double = 10, until enough: ([UInt8]) -> Bool = { _ in false }) -> [UInt8] {
    let deadline = Deadline.after(seconds: seconds)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while !enough(bytes) {
      var poll = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      guard Glibc.poll(&poll, 1, CInt(deadline.secondsLeft * 1000)) == 1 else { break }
      let count = recv(fd, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return bytes
  }

  /// Reads one response; nil when there is none by the deadline.
  func response(seconds: Double = 10) -> RawResponse? {
    RawResponse(read(seconds: seconds) { RawResponse($0)?.isComplete ?? false })
  }

  /// Whether the server closes the connection by the deadline; what comes before is skipped.
  func isClosed(within seconds: Double) -> Bool {
    let deadline = Deadline.after(seconds: seconds)
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      var poll = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      guard Glibc.poll(&poll, 1, CInt(deadline.secondsLeft * 1000)) == 1 else { return false }
      if recv(fd, &buffer, buffer.count, 0) <= 0 { return true }
    }
  }
}

struct RawResponse {
  let status: Int
  let headers: [(name: String, value: String)]
  /// As it came: chunks are not joined.
  let body: [UInt8]

  /// Nil until the head is there.
  init?(_ bytes: [UInt8]) {
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
    guard let first = lines.first?.split(separator: " "), first.count >= 2, let status = Int(first[1]) else {
      return nil
    }
    self.status = status
    headers = lines.dropFirst().map { line in
      let parts = line.split(separator: ":", maxSplits: 1)
      return (parts[0].lowercased(), parts.count > 1 ? parts[1].trimmed : "")
    }
    body = Array(bytes[end.upperBound...])
  }

  subscript(_ name: String) -> String? { headers.first { $0.name == name }?.value }

  var text: String { String(decoding: body, as: UTF8.self) }

  var isComplete: Bool {
    if self["transfer-encoding"] == "chunked" { return body.suffix(5) == Array("0\r\n\r\n".utf8)[...] }
    return body.count >= self["content-length"].flatMap { Int($0) } ?? 0
  }
}

extension Substring {
  var trimmed: String {
    var text = self
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
