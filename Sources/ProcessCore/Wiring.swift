import Glibc
import Linux

/// The descriptors between the service and a child that is about to start: the child's ends, closed here once it has them,
/// and the service's ends, which go to the process when it runs.
struct Wiring: ~Copyable {
  /// The child's descriptors; one of 0, 1 and 2 that is not in it is `/dev/null`.
  let childDescriptors: [(source: CInt, target: CInt)]
  private let childEnds: ChildEnds
  private let pumps: Pumps
  private var inputEnd: FileDescriptor?
  private var stdoutEnd: FileDescriptor?
  private var stderrEnd: FileDescriptor?
  private var readyEnd: FileDescriptor?
  /// The child's side of its terminal, as we keep it.
  var line: FileDescriptor?

  /// `session` is that of the process, on whose behalf it has what its descriptors are bound to. `channel` becomes the child's
  /// descriptor 3; `size` is its terminal's, where it has one.
  init(
    _ spec: ProcessSpec, for session: Session, terminal size: TerminalSize? = nil,
    channel: consuming FileDescriptor? = nil, in context: ProcessContext
  ) throws(CoreError) {
    let ends = ChildEnds()
    if let channel { ends.add(channel, as: 3) }
    var pumps = Pumps(ends, session, context)
    if let size {
      try ends.makeTerminal(size).give(&inputEnd, &stdoutEnd, &line)
    } else {
      switch spec.stdin {
      case .null: break
      case .text(let text): try ends.addFile(holding: text, as: 0)
      case .pipe: inputEnd = try ends.makeReadable(0)
      case .bound(let binding): try pumps.add(binding, .into, 0, "/stdin")
      }
      switch spec.stdout {
      case .null, .stdout: break
      case .capture: stdoutEnd = try ends.makeWritable(1)
      case .bound(let binding): try pumps.add(binding, .outOf, 1, "/stdout")
      }
      switch spec.stderr {
      case .null, .stdout: break
      case .capture: stderrEnd = try ends.makeWritable(2)
      case .bound(let binding): try pumps.add(binding, .outOf, 2, "/stderr")
      }
    }
    for descriptor in spec.descriptors {
      switch descriptor.source {
      case .bound(let binding): try pumps.add(binding, descriptor.number, "/fds/\(descriptor.number)")
      case .array(let name):
        try ends.addArray(name, as: descriptor.number, in: context.commons, at: "/fds/\(descriptor.number)/array")
      }
    }
    if case .descriptor(let number) = spec.readiness?.sign { readyEnd = try ends.makeWritable(number) }
    childDescriptors =
      ends.list + Self.copies(ends.list, size != nil ? [(0, 1), (0, 2)] : spec.stderr == .stdout ? [(1, 2)] : [])
    childEnds = ends
    self.pumps = pumps
  }

  private static func copies(
    _ list: [(source: CInt, target: CInt)], _ pairs: [(of: CInt, target: CInt)]
  ) -> [(source: CInt, target: CInt)] {
    pairs.compactMap { pair in list.first { $0.target == pair.of }.map { ($0.source, pair.target) } }
  }

  /// The child has its ends. Ours of the same must be gone before anybody looks for the end of what it writes.
  func letGoOfChildEnds() { childEnds.close() }

  /// Lets a program that runs as another user open its terminal by name.
  mutating func giveTerminal(to user: uid_t) {
    // At worst it can use it through its descriptors alone.
    if let line = line?.raw { fchown(line, user, gid_t.max) }
  }

  mutating func takeLine() -> FileDescriptor? { line.take() }

  /// What becomes of what the child writes; what is captured goes to `process`.
  mutating func outputs(for process: Process) -> [any ChildOutput] {
    var outputs: [any ChildOutput] = pumps.outputs
    if let end = stdoutEnd.take() {
      outputs.append(OutputPipe(process, .stdout, owning: end.release(), isTerminal: process.spec.terminal != nil))
    }
    if let end = stderrEnd.take() { outputs.append(OutputPipe(process, .stderr, owning: end.release())) }
    return outputs
  }

  /// What the child reads, where it is bound to a queue or a pipe.
  var inputs: [InputPump] { pumps.inputs }

  /// What the process says by that it is of use.
  mutating func readiness() -> FileDescriptor? { readyEnd.take() }

  mutating func input(for process: Process, _ reactor: Reactor) -> InputPipe? {
    guard let end = inputEnd.take() else { return nil }
    return InputPipe(process, owning: end.release(), reactor: reactor)
  }
}

/// Ties descriptors of a child to queues and pipes.
private struct Pumps {
  private(set) var inputs: [InputPump] = []
  private(set) var outputs: [OutputPump] = []
  private let ends: ChildEnds
  private let session: Session
  private let context: ProcessContext

  init(_ ends: ChildEnds, _ session: Session, _ context: ProcessContext) {
    self.ends = ends
    self.session = session
    self.context = context
  }

  /// A descriptor that goes the ways that the end of a pipe does.
  mutating func add(_ binding: Binding, _ target: CInt, _ pointer: String) throws(CoreError) {
    let end = try context.commons.pipeEnd(binding, at: pointer)
    guard end.canSend, end.canReceive else {
      return try add(binding, end.canReceive ? .into : .outOf, target, pointer)
    }
    let into = try bind(binding, .into, pointer), outOf = try bind(binding, .outOf, pointer)
    let socket = try ends.makeSocket(target)
    inputs.append(InputPump(into, binding.framing, owning: socket.first, context.reactor))
    outputs.append(OutputPump(outOf, binding.framing, owning: socket.second, context.reactor))
  }

  mutating func add(
    _ binding: Binding, _ direction: Direction, _ target: CInt, _ pointer: String
  ) throws(CoreError) {
    let bound = try bind(binding, direction, pointer)
    switch direction {
    case .into: inputs.append(InputPump(bound, binding.framing, owning: try ends.makeReadable(target), context.reactor))
    case .outOf:
      outputs.append(OutputPump(bound, binding.framing, owning: try ends.makeWritable(target), context.reactor))
    }
  }

  private func bind(_ binding: Binding, _ direction: Direction, _ pointer: String) throws(CoreError) -> Bound {
    try context.commons.bind(binding, direction, at: pointer, for: session)
  }
}
