import ArgumentParser
import Glibc
import JSONCodec
import Linux

/// The command line, the environment and the configuration file say the same things in the same words: what the latter two
/// say is put in front of the command line as options, unless a stronger layer has the same name.
enum Layers {
  /// The arguments with what the environment and the configuration file add.
  static func arguments(_ given: [String]) throws -> [String] {
    let commands: Set<String> = ["serve", "health"]
    let isSpelledOut = given.first.map { commands.contains($0) } ?? false
    guard isSpelledOut || given.first.map({ $0.hasPrefix("--") && !["--help", "--version"].contains($0) }) ?? true
    else {
      return given
    }
    let command = isSpelledOut ? given[0] : "serve"
    let options = isSpelledOut ? Array(given.dropFirst()) : given
    let known = command == "serve" ? Options.names : ["listen", "socket", "data"]

    var said = Set(options.compactMap(optionName))
    var added: [String] = []
    for name in known where !said.contains(name) {
      guard let value = variable(name) else { continue }
      added += arguments(name, isList(name) ? value.split(separator: ",").map(String.init) : [value])
      said.insert(name)
    }
    if let file = value(of: "config", in: options) ?? variable("config") {
      added += try read(file, known: known, except: said)
    }
    return [command] + added + options
  }

  private static func isList(_ name: String) -> Bool { ["listen", "host", "origin", "allow-command"].contains(name) }

  private static func optionName(_ argument: String) -> String? {
    guard argument.hasPrefix("--") else { return nil }
    return argument.dropFirst(2).split(separator: "=", maxSplits: 1).first.map(String.init)
  }

  private static func value(of name: String, in options: [String]) -> String? {
    for (index, option) in options.enumerated() {
      if option == "--\(name)", index + 1 < options.count { return options[index + 1] }
      if option.hasPrefix("--\(name)=") { return String(option.dropFirst(name.count + 3)) }
    }
    return nil
  }

  private static func variable(_ name: String) -> String? {
    let key = "PROCESSION_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    guard let value = getenv(key), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  private static func arguments(_ name: String, _ values: [String]) -> [String] {
    guard Options.flags.contains(name) else { return values.map { "--\(name)=\($0)" } }
    return values.allSatisfy { ["1", "true"].contains($0) } ? ["--\(name)"] : []
  }

  private static func read(_ file: String, known: [String], except said: Set<String>) throws -> [String] {
    guard let bytes = contents(of: file, limit: 1 << 20) else { throw StartError("cannot read \(file)") }
    let fields: Fields
    do { fields = try Fields(bytes.buffer) } catch { throw StartError("\(file): \(error)") }
    var added: [String] = []
    for name in Options.names {
      let field = name.map { $0 == "-" ? "_" : String($0) }.joined()
      let values = fields.words(field)
      if known.contains(name), !said.contains(name), let values { added += arguments(name, values) }
    }
    do { try fields.finish() } catch {
      throw StartError("\(file): " + error.all.map { "\($0.pointer): \($0.detail)" }.joined(separator: "; "))
    }
    return added
  }
}

extension Fields {
  /// A member's value or values, as they would be written on a command line.
  fileprivate func words(_ name: String) -> [String]? {
    if kind(name) == .array { return scalars(name)?.map(\.word) }
    return scalar(name).map { [$0.word] }
  }
}

extension Fields.Scalar {
  fileprivate var word: String {
    switch self {
    case .null: ""
    case .bool(let value): String(value)
    case .integer(let value): String(value)
    case .real(let value): String(value)
    case .string(let value): value
    }
  }
}

/// A file's bytes; nil when it cannot be read or has more than `limit`.
func contents(of path: String, limit: Int) -> Bytes? {
  let fd = open(path, O_RDONLY | O_CLOEXEC)
  guard fd >= 0 else { return nil }
  defer { close(fd) }
  let bytes = Bytes(count: limit + 1)
  var count = 0
  while count < bytes.count {
    let more = read(fd, bytes.start + count, bytes.count - count)
    if more < 0 { return nil }
    if more == 0 { break }
    count += more
  }
  guard count <= limit else { return nil }
  bytes.truncate(to: count)
  return bytes
}
