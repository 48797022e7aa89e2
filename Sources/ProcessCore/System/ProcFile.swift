import Glibc

/// What /proc says about a process. Everything here is old the moment it is read.
public struct ProcFile {
  /// Where procfs is mounted.
  var root = "/proc"

  /// Reads the procfs of our own pid namespace.
  public init() {}

  init(root: String) { self.root = root }

  struct Stat {
    var pid: CInt
    var state: UInt8
    var parent: CInt
    var group: CInt
    var session: CInt
    /// In clock ticks since boot: with the pid, what tells a process from a later one of the same number.
    var startTime: UInt64
    /// In user mode and in the kernel, in clock ticks.
    var cpuTime: UInt64
  }

  /// The numbers of all processes that may be seen; `nil` without procfs.
  func pids() -> [CInt]? {
    guard let directory = opendir(root) else { return nil }
    defer { closedir(directory) }
    var pids: [CInt] = []
    while let entry = readdir(directory) {
      let pid = withUnsafeBytes(of: &entry.pointee.d_name) { name in Self.number(name.prefix { $0 != 0 }) }
      if let pid, let pid = CInt(exactly: pid) { pids.append(pid) }
    }
    return pids
  }

  func stat(_ pid: CInt) -> Stat? {
    guard let bytes = contents("\(root)/\(pid)/stat") else { return nil }
    // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
    guard let close = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = bytes[(close + 1)...].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
    guard fields.count > 21, let state = fields[0].first else { return nil }
    func field<T: FixedWidthInteger>(_ index: Int) -> T? { Self.number(fields[index]).flatMap { T(exactly: $0) } }
    guard let parent: CInt = field(1), let group: CInt = field(2), let session: CInt = field(3) else { return nil }
    guard let startTime: UInt64 = field(19), let user: UInt64 = field(11), let system: UInt64 = field(12) else {
      return nil
    }
    return Stat(
      pid: pid, state: state, parent: parent, group: group, session: session, startTime: startTime,
      cpuTime: user + system)
  }

  private static let pageSize = Int(sysconf(CInt(_SC_PAGESIZE)))

  /// What a process has in memory, shared pages included; 0 for one that has ended, `nil` for one that is gone.
  ///
  /// From `statm`: what `stat` says may be dozens of pages behind, as long as these are on no processor's books but one's
  /// (proc(5) calls both inaccurate; since Linux 6.17 `statm` adds up what all processors have).
  public func residentBytes(of pid: CInt) -> Int? {
    guard let words = contents("\(root)/\(pid)/statm")?.split(separator: UInt8(ascii: " ")), words.count > 1 else {
      return nil
    }
    return Self.number(words[1]).flatMap { Int(exactly: $0) }.map { $0 * Self.pageSize }
  }

  /// A process's argv as it is now; empty for one that has ended.
  func command(of pid: CInt) -> [String] {
    guard var bytes = contents("\(root)/\(pid)/cmdline"), !bytes.isEmpty else { return [] }
    if bytes.last == 0 { bytes.removeLast() }
    return bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether a process was started with exactly this entry (`NAME=value`) in its environment.
  func environment(of pid: CInt, holds entry: [UInt8]) -> Bool {
    guard let bytes = contents("\(root)/\(pid)/environ") else { return false }
    return bytes.split(separator: 0).contains { $0.elementsEqual(entry) }
  }

  func contents(_ path: String) -> [UInt8]? {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    if fd == -1 { return nil }
    defer { close(fd) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(fd, &chunk, chunk.count)
      if count == -1 { return nil }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  private static func number(_ digits: some Sequence<UInt8>) -> UInt64? {
    var number: UInt64?
    for digit in digits {
      guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
      let (product, high) = (number ?? 0).multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      if high || carry { return nil }
      number = sum
    }
    return number
  }
}
