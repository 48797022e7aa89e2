import HTTP
import ProcessCore

extension Place {
  /// Where to listen, or where to ask.
  func addresses(in folder: String) throws(StartError) -> [ListenAddress] {
    var addresses: [ListenAddress] = []
    for text in listen.isEmpty ? ["127.0.0.1:8080"] : listen where text != "none" {
      guard let address = ListenAddress(text) else {
        throw StartError("--listen \(text): not HOST:PORT with a numeric host")
      }
      addresses.append(address)
    }
    if socket != "none" { addresses.append(.unix(path: socket ?? folder + "/procession.sock")) }
    guard !addresses.isEmpty else { throw StartError("there is nowhere to listen") }
    return addresses
  }
}

extension Options {
  /// Without TLS the token would travel readable to whoever is on the way.
  func checkExposure(_ addresses: [ListenAddress]) throws(StartError) {
    guard !insecureListen, let exposed = addresses.first(where: { !$0.isLoopback }) else { return }
    throw StartError(
      "\(exposed) can be reached by other machines and there is no TLS; --insecure-listen if something else protects it"
    )
  }

  var processOptions: ProcessOptions {
    var options = ProcessOptions()
    options.outputCapacity = outputBuffer
    options.drainSeconds = drain
    options.maxProcesses = maxProcesses
    options.maxRunning = maxRunning
    options.maxResources = maxResources
    options.maxSharedBytes = maxSharedBytes
    options.queues.messages = maxQueueMessages
    options.queues.bytes = maxQueueBytes
    options.queues.totalBytes = maxQueuedBytes
    options.cgroups = CgroupUse(rawValue: cgroups) ?? .limited  // `validate` has seen to it.
    options.allowsForeignPids = allowForeignPids
    options.allowedCommands = allowCommand.isEmpty ? nil : allowCommand
    return options
  }

  var serverOptions: ServerOptions {
    var options = ServerOptions()
    options.loops = loops
    options.hosts = host.map { $0.lowercased() }
    options.origins = origin
    options.maxConnections = maxConnections
    options.maxWaiters = maxWaiters
    options.maxWait = maxWait
    options.maxBody = maxBody
    options.maxMessage = maxMessage
    return options
  }
}
