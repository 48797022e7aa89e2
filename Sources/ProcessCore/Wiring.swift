import CLinux
import Glibc
import Linux

/// The descriptors between the service and a child that is about to start: the child's ends, closed here once it has them,
/// and the service's ends, which go to the process when it runs.
struct Wiring: ~Copyable {
  /// The child's descriptors; one that is not in it is `/dev/null`.
  let childDescriptors: [(source: CInt, target: CInt)]
  private let childEnds: ChildEnds
  private var inputEnd: FileDescriptor?
  private var stdoutEnd: FileDescriptor?
  private var stderrEnd: FileDescriptor?

  init(_ spec: ProcessSpec) throws(CoreError) {
    let ends = ChildEnds()
    do throws(SystemError) {
      switch spec.stdin {
      case .null: break
      case .text(let text): ends.add(try file(holding: text), as: 0)
      case .pipe:
        let pipe = try makePipe()
        ends.add(pipe.read, as: 0)
        inputEnd = FileDescriptor(owning: pipe.write)
        try setNonBlocking(pipe.write)
      }
      if spec.stdout == .capture { stdoutEnd = try captured(as: 1, ends) }
      if spec.stderr == .capture { stderrEnd = try captured(as: 2, ends) }
    } catch {
      throw CoreError(.spawn(step: "fds", error), "the child's pipes: \(error)")
    }
    childEnds = ends
    let stdout = ends.list.filter { $0.target == 1 }
    childDescriptors = ends.list + (spec.stderr == .stdout ? stdout.map { ($0.source, 2) } : [])
  }

  /// Hands the read ends of what is captured to pipes of `process`.
  mutating func outputs(for process: Process) -> [OutputPipe] {
    var pipes: [OutputPipe] = []
    if let end = stdoutEnd.take() { pipes.append(OutputPipe(process, .stdout, owning: end.release())) }
    if let end = stderrEnd.take() { pipes.append(OutputPipe(process, .stderr, owning: end.release())) }
    return pipes
  }

  mutating func input(for process: Process, _ reactor: Reactor) -> InputPipe? {
    guard let end = inputEnd.take() else { return nil }
    return InputPipe(process, owning: end.release(), reactor: reactor)
  }
}

/// Descriptors that are closed here once the child has its own copies.
private final class ChildEnds {
  private(set) var list: [(source: CInt, target: CInt)] = []

  func add(_ fd: CInt, as target: CInt) { list.append((fd, target)) }

  deinit { for end in list { close(end.source) } }
}

/// A pipe whose write end becomes the child's `target`; the read end is ours and never blocks.
private func captured(as target: CInt, _ ends: ChildEnds) throws(SystemError) -> FileDescriptor {
  let pipe = try makePipe()
  ends.add(pipe.write, as: target)
  let end = FileDescriptor(owning: pipe.read)
  try setNonBlocking(pipe.read)
  return end
}

private func makePipe() throws(SystemError) -> (read: CInt, write: CInt) {
  var ends: (CInt, CInt) = (-1, -1)
  try withUnsafeMutableBytes(of: &ends) { bytes throws(SystemError) in
    _ = try system("pipe2") { clinux_pipe(bytes.assumingMemoryBound(to: CInt.self).baseAddress) }
  }
  return ends
}

private func setNonBlocking(_ fd: CInt) throws(SystemError) {
  let flags = try system("fcntl") { fcntl(fd, F_GETFL) }
  try system("fcntl") { fcntl(fd, F_SETFL, flags | O_NONBLOCK) }
}

/// A file in memory that is read from its beginning: text of any length without a writer that could block.
private func file(holding text: String) throws(SystemError) -> CInt {
  let fd = FileDescriptor(owning: try system("memfd_create") { clinux_memfd("stdin") })
  let bytes = Bytes(text)
  var done = 0
  while done < bytes.count {
    done += try system("write") { write(fd.raw, bytes.start + done, bytes.count - done) }
  }
  try system("lseek") { lseek(fd.raw, 0, SEEK_SET) }
  return fd.release()
}
