import CLinux
import Glibc
import Linux

/// A child's ends of its descriptors, closed by `close` once the child has its own copies, or when this is let go. Our ends
/// of them never block.
final class ChildEnds {
  private(set) var list: [(source: CInt, target: CInt)] = []

  deinit { close() }

  /// The child has them, or never will.
  func close() {
    for end in list { Glibc.close(end.source) }
    list = []
  }

  /// A file in memory that is read from its beginning: text of any length without a writer that could block.
  func addFile(holding text: String, as target: CInt) throws(CoreError) {
    try wired { () throws(SystemError) in
      let fd = FileDescriptor(owning: try system("memfd_create") { clinux_memfd("stdin") })
      let bytes = Bytes(text)
      var done = 0
      while done < bytes.count {
        done += try system("write") { write(fd.raw, bytes.start + done, bytes.count - done) }
      }
      try system("lseek") { lseek(fd.raw, 0, SEEK_SET) }
      add(fd, as: target)
    }
  }

  /// Our end of a pipe that the child reads.
  func makeReadable(_ target: CInt) throws(CoreError) -> FileDescriptor {
    try wired { () throws(SystemError) in
      let pipe = try DescriptorPair("pipe2") { clinux_pipe($0) }
      return try give(pipe.first, as: target, keeping: pipe.second)
    }
  }

  /// Our end of a pipe that the child writes to.
  func makeWritable(_ target: CInt) throws(CoreError) -> FileDescriptor {
    try wired { () throws(SystemError) in
      let pipe = try DescriptorPair("pipe2") { clinux_pipe($0) }
      return try give(pipe.second, as: target, keeping: pipe.first)
    }
  }

  /// Our end of a socket that goes both ways, as two descriptors: one to write to, one to read.
  func makeSocket(_ target: CInt) throws(CoreError) -> DescriptorPair {
    try wired { () throws(SystemError) in
      let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
      let pair = try DescriptorPair("socketpair") { socketpair(AF_UNIX, kind, 0, $0) }
      let ours = try give(pair.first, as: target, keeping: pair.second)
      let copy = try ours.copy()
      return DescriptorPair(ours, copy)
    }
  }

  /// A terminal, whose other side becomes the child's stdin.
  func makeTerminal(_ size: TerminalSize) throws(CoreError) -> Terminal {
    try wired("tty") { () throws(SystemError) in
      let ends = try DescriptorPair("openpty") { clinux_terminal_open(size.rows, size.columns, $0) }
      // Our side's two descriptors are one to the kernel, and so are their flags.
      let flags = try system("fcntl") { fcntl(ends.first.raw, F_GETFL) }
      try system("fcntl") { fcntl(ends.first.raw, F_SETFL, flags | O_NONBLOCK) }
      add(try ends.second.copy(), as: 0)
      let input = try ends.first.copy()
      return Terminal(input: input, output: ends.first, line: ends.second)
    }
  }

  /// The memory of an array.
  func addArray(_ name: Name, as target: CInt, in commons: Commons, at pointer: String) throws(CoreError) {
    guard let array = commons.arrays.registry.find(name.text) else {
      throw CoreError(.invalid(pointer: pointer), "there is no array '\(name)'")
    }
    add(try array.locked.array.memory.open(writable: true), as: target)
  }

  func add(_ end: consuming FileDescriptor, as target: CInt) { list.append((end.release(), target)) }

  private func give(
    _ theirs: consuming FileDescriptor, as target: CInt, keeping ours: consuming FileDescriptor
  ) throws(SystemError) -> FileDescriptor {
    add(theirs, as: target)
    let flags = try system("fcntl") { fcntl(ours.raw, F_GETFL) }
    try system("fcntl") { fcntl(ours.raw, F_SETFL, flags | O_NONBLOCK) }
    return ours
  }
}

struct DescriptorPair: ~Copyable {
  let first: FileDescriptor
  let second: FileDescriptor

  init(_ first: consuming FileDescriptor, _ second: consuming FileDescriptor) {
    self.first = first
    self.second = second
  }

  /// Those that a system call makes.
  fileprivate init(_ call: String, _ make: (UnsafeMutablePointer<CInt>?) -> CInt) throws(SystemError) {
    var ends: (CInt, CInt) = (-1, -1)
    try withUnsafeMutableBytes(of: &ends) { bytes throws(SystemError) in
      _ = try system(call) { make(bytes.assumingMemoryBound(to: CInt.self).baseAddress) }
    }
    self.init(FileDescriptor(owning: ends.0), FileDescriptor(owning: ends.1))
  }
}

extension FileDescriptor {
  fileprivate func copy() throws(SystemError) -> FileDescriptor {
    FileDescriptor(owning: try system("fcntl") { fcntl(raw, F_DUPFD_CLOEXEC, 3) })
  }
}

private func wired<T: ~Copyable>(
  _ step: String = "fds", _ body: () throws(SystemError) -> T
) throws(CoreError) -> T {
  do throws(SystemError) { return try body() } catch {
    throw CoreError(.spawn(step: step, error), "the child's descriptors: \(error)")
  }
}
