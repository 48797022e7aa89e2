import HTTP
import Linux
import ProcessCore

/// How a managed process reaches the service: where it is, and a token that acts for that process alone and dies with it.
final class ProcessAccess: Sendable {
  private let tokens: Tokens
  private let addresses: [ListenAddress]
  /// By process and not by its name, which a pool's next worker may have while this one still ends.
  private let granted = Mutex<[ObjectIdentifier: Tokens.Issued]>([:])

  init(tokens: Tokens, addresses: [ListenAddress]) {
    self.tokens = tokens
    self.addresses = addresses
  }

  func grant(_ process: Process) -> [ProcessSpec.EnvironmentVariable] {
    let token = Tokens.make()
    let issued = tokens.add(token, for: .bearer(subject: process.name.text))
    granted.withLock { $0[ObjectIdentifier(process)] = issued }
    var variables: [ProcessSpec.EnvironmentVariable] = [
      .init("PROCESSION_PROCESS", process.name.text), .init("PROCESSION_TOKEN", token),
    ]
    for address in addresses {
      switch address {
      case .tcp: variables.append(.init("PROCESSION_URL", "http://\(address)"))
      case .unix(let path): variables.append(.init("PROCESSION_SOCKET", path))
      }
    }
    return variables
  }

  func revoke(_ process: Process) {
    if let token = granted.withLock({ $0.removeValue(forKey: ObjectIdentifier(process)) }) { tokens.remove(token) }
  }
}
