import DequeModule

/// Where a process's bytes came out.
public enum OutputStream: Sendable {
  case stdout, stderr
}

/// Which bytes a reader wants. Offsets count the bytes of the selection: of one stream, or of both as they came in.
public enum OutputSelection: Sendable {
  case stdout, stderr, both
}

/// What a reader finds at an offset.
public enum OutputRead: Hashable, Sendable {
  /// `count` bytes that all came from `stream`.
  case bytes(count: Int, OutputStream)
  /// The bytes before `to` are no longer there.
  case gap(to: UInt64)
  /// Nothing more will come.
  case end
}

/// What a process wrote: a ring for each stream, and the order in which their bytes came in.
struct OutputLog: ~Copyable {
  /// A run of bytes of one stream.
  private struct Run {
    let stream: OutputStream
    /// Its first byte's offset in its stream, and in both together.
    let start: UInt64
    let bothStart: UInt64
    var count: Int
  }

  private var stdout: Ring
  private var stderr: Ring
  private var runs: Deque<Run> = []
  private var bothEnd: UInt64 = 0
  private var stdoutState: StreamState
  private var stderrState: StreamState

  /// Of a stream that is kept, and of one that is not.
  private struct StreamState {
    let isKept: Bool
    /// Descriptors that bytes may still come from: one for each run of the process whose descendants hold its own.
    var writers = 0
    /// The process will not be started any more.
    var isOver = false

    var isOpen: Bool { isKept && (writers > 0 || !isOver) }
  }

  init(capacity: Int, stdout isStdoutKept: Bool, stderr isStderrKept: Bool) {
    stdout = Ring(capacity: capacity)
    stderr = Ring(capacity: capacity)
    stdoutState = StreamState(isKept: isStdoutKept)
    stderrState = StreamState(isKept: isStderrKept)
  }

  /// One more descriptor that may bring bytes of `stream`.
  mutating func open(_ stream: OutputStream) {
    switch stream {
    case .stdout: stdoutState.writers += 1
    case .stderr: stderrState.writers += 1
    }
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer, to stream: OutputStream) {
    guard !bytes.isEmpty else { return }
    let start = end(of: stream)
    if let last = runs.last, last.stream == stream {
      runs[runs.count - 1].count += bytes.count
    } else {
      runs.append(Run(stream: stream, start: start, bothStart: bothEnd, count: bytes.count))
    }
    bothEnd += UInt64(bytes.count)
    switch stream {
    case .stdout: stdout.append(bytes)
    case .stderr: stderr.append(bytes)
    }
    // A run that fell out of its ring can be read by nobody.
    while let first = runs.first, first.start + UInt64(first.count) <= self.start(of: first.stream), runs.count > 1 {
      runs.removeFirst()
    }
    // Both streams in turn, a byte at a time, would make the order cost more than the bytes.
    if runs.count > 16_384 { runs.removeFirst() }
  }

  /// Nothing more will come from one descriptor of `stream`.
  mutating func close(_ stream: OutputStream) {
    switch stream {
    case .stdout: stdoutState.writers -= 1
    case .stderr: stderrState.writers -= 1
    }
    trim()
  }

  /// Nothing more will come but from descriptors that are open.
  mutating func end() {
    stdoutState.isOver = true
    stderrState.isOver = true
    trim()
  }

  private mutating func trim() {
    if !stdoutState.isOpen { stdout.trim() }
    if !stderrState.isOpen { stderr.trim() }
  }

  func isOpen(_ selection: OutputSelection) -> Bool {
    switch selection {
    case .stdout: stdoutState.isOpen
    case .stderr: stderrState.isOpen
    case .both: stdoutState.isOpen || stderrState.isOpen
    }
  }

  /// The offset after the last byte.
  func end(of selection: OutputSelection) -> UInt64 {
    switch selection {
    case .stdout: stdout.end
    case .stderr: stderr.end
    case .both: bothEnd
    }
  }

  /// The offset of the oldest byte that is still there.
  func start(of selection: OutputSelection) -> UInt64 {
    switch selection {
    case .stdout: return stdout.start
    case .stderr: return stderr.start
    case .both:
      for run in runs where run.start + UInt64(run.count) > start(of: run.stream) {
        return run.bothStart + skipped(run)
      }
      return bothEnd
    }
  }

  /// Copies what is at `offset`; nil when there is nothing yet.
  func read(_ selection: OutputSelection, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> OutputRead?
  {
    guard offset < end(of: selection) else { return isOpen(selection) ? nil : .end }
    switch selection {
    case .stdout: return copy(.stdout, at: offset, into: buffer)
    case .stderr: return copy(.stderr, at: offset, into: buffer)
    case .both: return readBoth(at: offset, into: buffer)
    }
  }

  private func copy(_ stream: OutputStream, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> OutputRead
  {
    guard offset >= start(of: stream) else { return .gap(to: start(of: stream)) }
    let count = stream == .stdout ? stdout.copy(from: offset, into: buffer) : stderr.copy(from: offset, into: buffer)
    return .bytes(count: count, stream)
  }

  private func readBoth(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> OutputRead {
    guard let index = firstRun(endingAfter: offset) else { return .gap(to: bothEnd) }
    let run = runs[index]
    let readable = run.bothStart + skipped(run)
    guard offset >= readable else { return .gap(to: readable) }
    let into = offset - run.bothStart
    let wanted = min(buffer.count, run.count - Int(into))
    return copy(run.stream, at: run.start + into, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
  }

  /// How many of the run's bytes are no longer in the ring.
  private func skipped(_ run: Run) -> UInt64 {
    let start = start(of: run.stream)
    return start > run.start ? min(start - run.start, UInt64(run.count)) : 0
  }

  private func firstRun(endingAfter offset: UInt64) -> Int? {
    var low = 0, high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].bothStart + UInt64(runs[middle].count) <= offset { low = middle + 1 } else { high = middle }
    }
    return low < runs.count ? low : nil
  }

  private func start(of stream: OutputStream) -> UInt64 { stream == .stdout ? stdout.start : stderr.start }
  private func end(of stream: OutputStream) -> UInt64 { stream == .stdout ? stdout.end : stderr.end }
}
