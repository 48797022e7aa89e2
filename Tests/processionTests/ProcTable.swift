import Glibc

/// A process as /proc shows it.
struct ProcEntry {
  let pid: pid_t
  let state: Character
  let parent: pid_t
  let group: pid_t
  let session: pid_t

  /// Nil when there is none with that number.
  init?(_ pid: pid_t) {
    let line = contents(of: "/proc/\(pid)/stat")
    // The name is in parentheses and may hold anything.
    guard let end = line.lastIndex(of: ")") else { return nil }
    let words = line[line.index(after: end)...].split(separator: " ")
    guard words.count > 4, let state = words[0].first else { return nil }
    self.pid = pid
    self.state = state
    parent = pid_t(words[1]) ?? 0
    group = pid_t(words[2]) ?? 0
    session = pid_t(words[3]) ?? 0
  }

  static var all: [ProcEntry] { names(in: "/proc").compactMap { pid_t($0) }.compactMap { ProcEntry($0) } }

  static func children(of parent: pid_t) -> [ProcEntry] { all.filter { $0.parent == parent } }
}

/// Whether a process lives: one that has ended and was not reaped does not.
func isAlive(_ pid: pid_t) -> Bool { ProcEntry(pid).map { $0.state != "Z" } ?? false }

func isAlive(_ pid: Int?) -> Bool { pid.map { isAlive(pid_t($0)) } ?? false }

/// A line of /proc/PID/status or the like, without its name: `field("SigBlk", in: status)`.
func field(_ name: String, in text: String) -> String? {
  text.split(separator: "\n").first { $0.hasPrefix(name + ":") }.map { line in
    line.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
