import ArgumentParser
import CLinux
import Glibc

@main
struct Procession: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "procession",
    abstract: "Python's multiprocessing as an HTTP service.",
    subcommands: [Serve.self, Health.self, Version.self], defaultSubcommand: Serve.self)

  static let version = "0.1.0"

  static func main() {
    clinux_divide_init()
    do {
      var command = try parseAsRoot(Layers.arguments(Array(arguments().dropFirst())))
      try command.run()
    } catch let error as StartError {
      write("procession: \(error.description)\n", to: STDERR_FILENO)
      Glibc.exit(1)
    } catch {
      exit(withError: error)
    }
  }
}

private func arguments() -> [String] {
  var arguments: [String] = []
  var next = clinux_arguments()
  while let argument = next?.pointee {
    arguments.append(String(cString: argument))
    next = next?.successor()
  }
  return arguments
}

/// Why the service does not start, in words for whoever started it.
struct StartError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

struct Version: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print the version.")

  func run() { write("procession \(Procession.version)\n", to: STDOUT_FILENO) }
}

func write(_ text: String, to fd: CInt) {
  var text = text
  text.withUTF8 { utf8 in
    var rest = UnsafeRawBufferPointer(utf8)
    while !rest.isEmpty {
      let count = Glibc.write(fd, rest.baseAddress, rest.count)
      guard count > 0 else { return }  // Nobody reads it.
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
    }
  }
}
