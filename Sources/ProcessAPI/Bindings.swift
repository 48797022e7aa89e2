import JSONCodec
import ProcessCore

/// What a process's descriptors are tied to, as documents have it: `{"queue": NAME}` or `{"pipe": NAME, "end": 0 | 1}`, each
/// with a `framing`.
extension Fields {
  var isBinding: Bool { kind("queue") != .absent || kind("pipe") != .absent }

  func binding() -> Binding? {
    guard kind("queue") != .absent else { return pipeBinding() }
    reject("pipe", "a queue is given too")
    reject("end", "a queue has no ends")
    let framing = choice("framing", of: Framing.self) ?? .lines
    return requiredName("queue").map { Binding(.queue($0), framing) }
  }

  private func pipeBinding() -> Binding? {
    let name = requiredName("pipe")
    let end = integer("end", in: 0...1, required: true)
    let framing = choice("framing", of: Framing.self) ?? .raw
    guard let name, let end else { return nil }
    return Binding(.end(end, of: name), framing)
  }

  func requiredName(_ field: String) -> Name? {
    if !isGiven(field) { fail(field, "is required") }
    return resourceName(field)
  }

  /// `fds`: an object whose names are numbers.
  func descriptors() -> [ProcessSpec.Descriptor]? {
    guard let fields = object("fds") else { return nil }
    return fields.names.compactMap { name in
      guard let number = CInt(name), 3...255 ~= number, String(number) == name else {
        fields.ignore(name)
        fields.fail(name, "must be the number of a descriptor, from 3 to 255")
        return nil
      }
      return fields.object(name, required: true)?.descriptorSource().map { ProcessSpec.Descriptor(number, $0) }
    }
  }

  /// An end of a pipe, or an array.
  private func descriptorSource() -> ProcessSpec.Descriptor.Source? {
    guard kind("array") != .absent else { return pipeBinding().map { .bound($0) } }
    return requiredName("array").map { .array($0) }
  }
}

extension Binding {
  func json() -> JSON {
    let object = JSON.object()
    switch target {
    case .queue(let name): object.set("queue", name.text)
    case .end(let number, let name):
      object.set("pipe", name.text)
      object.set("end", number)
    }
    object.set("framing", framing.rawValue)
    return object
  }
}

extension ProcessSpec.Stdin {
  func json() -> JSON {
    switch self {
    case .null: JSON("null")
    case .pipe: JSON("pipe")
    case .text: JSON("text")  // What it says is a secret.
    case .bound(let binding): binding.json()
    }
  }
}

extension ProcessSpec.Output {
  func json() -> JSON {
    switch self {
    case .capture: JSON("capture")
    case .null: JSON("null")
    case .stdout: JSON("stdout")
    case .bound(let binding): binding.json()
    }
  }
}

func descriptorsJSON(_ descriptors: [ProcessSpec.Descriptor]) -> JSON {
  let object = JSON.object()
  for descriptor in descriptors {
    switch descriptor.source {
    case .bound(let binding): object.set(name: String(descriptor.number), binding.json())
    case .array(let name):
      let array = JSON.object()
      array.set("array", name.text)
      object.set(name: String(descriptor.number), array)
    }
  }
  return object
}
