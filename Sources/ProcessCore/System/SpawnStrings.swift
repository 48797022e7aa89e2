import Glibc

/// The strings of a request as C wants them, in one allocation: four NULL-terminated tables, then the bytes.
struct SpawnStrings: ~Copyable {
  typealias Table = UnsafePointer<UnsafeMutablePointer<CChar>?>

  let argv: Table
  let envp: Table
  let candidates: Table
  let cgroups: Table
  private let memory: UnsafeMutableRawPointer

  /// Throws for what C cannot say: a string with a NUL, a variable without a name or with `=` in it, no program.
  init(_ request: borrowing SpawnRequest) throws(SpawnError) {
    guard let program = request.command.first else { throw SpawnError(.arguments, errno: EINVAL) }
    for argument in request.command where argument.utf8.contains(0) { throw SpawnError(.arguments, errno: EINVAL) }
    for (name, value) in request.environment {
      let isName = !name.isEmpty && !name.utf8.contains(0) && !name.utf8.contains(UInt8(ascii: "="))
      guard isName, !value.utf8.contains(0) else { throw SpawnError(.environment, errno: EINVAL) }
    }
    let environment = request.environment.map { "\($0.name)=\($0.value)" }
    let files = Self.files(for: program, environment: request.environment)
    let lists = [request.command, environment, files, request.cgroups]

    let slots = lists.reduce(0) { $0 + $1.count + 1 }
    let bytes = lists.joined().reduce(0) { $0 + $1.utf8.count + 1 }
    let stride = MemoryLayout<UnsafeMutablePointer<CChar>?>.stride
    memory = .allocate(byteCount: slots * stride + bytes, alignment: stride)
    let table = memory.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: slots)
    var text = (memory + slots * stride).bindMemory(to: CChar.self, capacity: bytes)
    var slot = table
    for list in lists {
      for string in list {
        slot.initialize(to: text)
        slot += 1
        for byte in string.utf8 {
          text.initialize(to: CChar(bitPattern: byte))
          text += 1
        }
        text.initialize(to: 0)
        text += 1
      }
      slot.initialize(to: nil)
      slot += 1
    }
    argv = Table(table)
    envp = argv + lists[0].count + 1
    candidates = envp + lists[1].count + 1
    cgroups = candidates + lists[2].count + 1
  }

  deinit { memory.deallocate() }

  /// The files that execvp would try: with a slash only itself, else one per directory of the child's own `PATH`, whose
  /// empty directories are the current one.
  static func files(for program: String, environment: [(name: String, value: String)]) -> [String] {
    if program.isEmpty || program.utf8.contains(UInt8(ascii: "/")) { return [program] }
    let path = environment.first { $0.name == "PATH" }?.value ?? "/bin:/usr/bin"
    let directories = path.split(separator: ":", omittingEmptySubsequences: false)
    return directories.map { $0.isEmpty ? program : "\($0)/\(program)" }
  }
}
