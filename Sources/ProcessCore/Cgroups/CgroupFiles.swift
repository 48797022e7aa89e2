import Glibc
import Linux

/// The files of cgroups, which are in memory: a call takes microseconds.
enum CgroupFiles {
  static func write(_ text: String, to path: String) throws(SystemError) {
    let file = FileDescriptor(owning: try system("open \(path)") { open(path, O_WRONLY | O_CLOEXEC) })
    _ = try system("write \(path)") { Glibc.write(file.raw, text, text.utf8.count) }
  }

  static func read(_ path: String) -> String? {
    ProcFile().contents(path).map { String(decoding: $0, as: UTF8.self) }
  }

  static func words(_ path: String) -> [String] {
    read(path)?.split(whereSeparator: \.isWhitespace).map(String.init) ?? []
  }

  /// The number of a line `key number`; 0 when there is none.
  static func number(_ key: String, in path: String) -> Int {
    let words = words(path)
    guard let index = words.firstIndex(of: key), index + 1 < words.count else { return 0 }
    return Int(words[index + 1]) ?? 0
  }

  static func make(_ folder: String) throws(SystemError) {
    try system("mkdir \(folder)") { mkdir(folder, 0o755) }
  }

  /// A cgroup and those below it, which its members may have made; the lowest first.
  static func all(in folder: String) -> [String] { names(in: folder).flatMap { all(in: "\(folder)/\($0)") } + [folder] }

  /// The names of the cgroups right below one.
  static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      guard entry.pointee.d_type == DT_DIR else { continue }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// The processes in a cgroup and in those below it. Another PID namespace's have no number here, and are left out.
  static func members(of folder: String) -> [CInt] {
    all(in: folder).flatMap { words("\($0)/cgroup.procs").compactMap { CInt($0) } }.filter { $0 > 0 }
  }

  /// Removes a cgroup and those below it, if nobody is in them; false when it is still there.
  @discardableResult
  static func remove(_ folder: String) -> Bool {
    if rmdir(folder) == 0 || errno == ENOENT { return true }
    for folder in all(in: folder) { rmdir(folder) }
    return access(folder, F_OK) != 0
  }
}
