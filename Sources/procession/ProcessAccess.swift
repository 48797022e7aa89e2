import HTTP
import ProcessCore

/// How a managed process reaches the service: where it is, and a token that acts for that process alone and dies with it.
struct ProcessAccess: Sendable {
  let tokens: Tokens
  let addresses: [ListenAddress]

  func grant(_ process: Process) -> [ProcessSpec.EnvironmentVariable] {
    let token = Tokens.make()
    tokens.add(token, for: .bearer(subject: process.name.text))
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

  func revoke(_ process: Process) { tokens.removeAll(subject: process.name.text) }
}
