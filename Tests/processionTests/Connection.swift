import CLinux
import Glibc
import Linux

/// Where a daemon listens.
enum Endpoint: Hashable, Sendable {
  case tcp(UInt16)
  case unix(String)
}

/// A socket to the daemon, read with a deadline so that no test can hang.
final class Connection {
  let fd: Descriptor
  private var buffer: [UInt8] = []
  private var position = 0
  private(set) var isAtEnd = false

  init(_ endpoint: Endpoint) throws {
    let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    switch endpoint {
    case .tcp(let port):
      fd = Descriptor(try system("socket") { socket(AF_INET, kind, 0) })
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      try connect(&name)
    case .unix(let path):
      fd = Descriptor(try system("socket") { socket(AF_UNIX, kind, 0) })
      var name = sockaddr_un()
      name.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
      try connect(&name)
    }
  }

  private func connect<Name>(_ name: inout Name) throws {
    let size = socklen_t(MemoryLayout<Name>.size)
    _ = try withUnsafePointer(to: &name) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        try system("connect") { Glibc.connect(fd.raw, pointer, size) }
      }
    }
  }

  /// False when the daemon has closed the connection.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { Glibc.send(fd.raw, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Nothing more will be sent.
  func finish() { shutdown(fd.raw, CInt(SHUT_WR)) }

  /// The bytes up to and with a line's end, without it; nil at the end of the connection or when time is up.
  func line(seconds: Double = 30) -> String? {
    let deadline = Deadline.after(seconds: seconds)
    var scanned = position
    while true {
      if let end = buffer[scanned...].firstIndex(of: 0x0A) {
        defer { position = end + 1 }
        let line = buffer[position..<end]
        return String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
      }
      scanned = buffer.count
      guard fill(deadline, &scanned) else { return nil }
    }
  }

  /// Exactly `count` bytes, fewer when the connection ends before or time is up.
  func bytes(_ count: Int, seconds: Double = 30) -> [UInt8] {
    let deadline = Deadline.after(seconds: seconds)
    var scanned = 0
    while buffer.count - position < count, fill(deadline, &scanned) {}
    let end = min(position + count, buffer.count)
    defer { position = end }
    return Array(buffer[position..<end])
  }

  /// All that comes until the daemon closes the connection or time is up; `isAtEnd` tells which.
  func rest(seconds: Double = 30) -> [UInt8] { bytes(.max / 2, seconds: seconds) }

  private func fill(_ deadline: Deadline, _ scanned: inout Int) -> Bool {
    if position > 1 << 16 {
      scanned = max(0, scanned - position)
      buffer.removeFirst(position)
      position = 0
    }
    var ready = pollfd(fd: fd.raw, events: Int16(POLLIN), revents: 0)
    guard poll(&ready, 1, CInt((deadline.secondsLeft * 1000).rounded(.up))) == 1 else { return false }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(fd.raw, &chunk, chunk.count, 0)
    guard count > 0 else {
      isAtEnd = true
      return false
    }
    buffer += chunk[..<count]
    return true
  }
}
