import ArgumentParser
import Glibc
import HTTP
import Linux

struct Health: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask the service on this machine whether it is well; exit code 0 or 1.")

  @OptionGroup var place: Place

  @Option(help: "Seconds to wait for the answer.")
  var timeout = 5.0

  func run() throws {
    let addresses = try place.addresses(in: try place.data ?? DataFolder.standard())
    for address in addresses where isWell(address) { return }
    write(
      "procession: no healthy service at \(addresses.map(\.description).joined(separator: " or "))\n", to: STDERR_FILENO
    )
    throw ExitCode(1)
  }

  private func isWell(_ address: ListenAddress) -> Bool {
    guard let fd = try? address.connect() else { return false }
    defer { close(fd.raw) }
    var wait = timeval(tv_sec: Int(timeout), tv_usec: Int((timeout - timeout.rounded(.down)) * 1e6))
    setsockopt(fd.raw, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    write("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", to: fd.raw)
    var answer = [UInt8](repeating: 0, count: 12)
    var count = 0
    while count < answer.count {
      let more = answer.withUnsafeMutableBytes {
        recv(fd.raw, $0.baseAddress?.advanced(by: count), $0.count - count, 0)
      }
      guard more > 0 else { return false }
      count += more
    }
    return answer.elementsEqual("HTTP/1.1 200".utf8)
  }
}
