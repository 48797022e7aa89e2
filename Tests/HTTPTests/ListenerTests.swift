import CLinux
import Glibc
import Testing

@testable import HTTP

@Suite struct ListenerTests {
  private func control(of fd: CInt) throws -> String {
    var name = [UInt8](repeating: 0, count: 16)
    var count = socklen_t(name.count)
    try #require(getsockopt(fd, CInt(IPPROTO_TCP), TCP_CONGESTION, &name, &count) == 0)
    return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
  }

  private func usual() throws -> String {
    let fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    defer { close(fd) }
    return try control(of: fd)
  }

  @Test func whatIsLocalIsNotKeptFromCongestion() throws {
    let listener = try Listener(.tcp(host: "127.0.0.1", port: 0))
    defer { listener.close() }
    let client = try RawClient(listener.address)
    let accepted = accept(listener.fd, nil, nil)
    defer { close(accepted) }
    #expect(try control(of: accepted) == "reno")
    #expect(try control(of: client.fd) == usual())
  }

  @Test func whatIsNotIsControlledAsTheSystemDoes() throws {
    let listener = try Listener(.tcp(host: "0.0.0.0", port: 0))
    defer { listener.close() }
    #expect(try control(of: listener.fd) == usual())
  }
}
