/// Where this process stands in the machine's hierarchies of cgroups: its own cgroup in each, as a folder.
///
/// A hierarchy that is mounted so that our own cgroup is not in it is left out.
struct CgroupPlace: Equatable {
  /// Of version 2.
  var unified: String?
  /// Of version 1, by the controllers that each hierarchy has.
  var legacy: [String: String] = [:]
  /// What is mounted, whether we are in it or not.
  var version: CgroupVersion?

  /// As /proc says; nothing without it.
  static func current() -> CgroupPlace {
    func text(_ name: String) -> String {
      ProcFile().contents("/proc/self/\(name)").map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
    return CgroupPlace(cgroup: text("cgroup"), mountinfo: text("mountinfo"))
  }

  /// From the texts of /proc/self/cgroup and /proc/self/mountinfo: see cgroups(7) and proc(5).
  init(cgroup: String, mountinfo: String) {
    var own: [String: String] = [:]
    for line in cgroup.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      // The list of version 2 is empty.
      for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
        own[String(controller)] = String(fields[2])
      }
    }
    for line in mountinfo.split(separator: "\n") {
      guard let mount = Mount(line) else { continue }
      version = version.map { $0 == mount.version ? $0 : .hybrid } ?? mount.version
      if mount.version == .v2 {
        unified = unified ?? own[""].flatMap(mount.folder)
        continue
      }
      for controller in mount.options where legacy[controller] == nil {
        legacy[controller] = own[controller].flatMap(mount.folder)
      }
    }
  }
}

/// The versions of cgroups that a machine has mounted.
public enum CgroupVersion: String, CaseIterable, Sendable {
  case v1, v2
  /// Both: a controller is in one of them.
  case hybrid
}

/// One hierarchy in the tree of files.
private struct Mount {
  let version: CgroupVersion
  /// Which cgroup the mount shows, and where.
  let root: String
  let point: String
  let options: [String]

  /// nil for a line about another file system.
  init?(_ line: Substring) {
    let fields = line.split(separator: " ")
    guard let dash = fields.firstIndex(of: "-"), dash > 4, fields.count > dash + 3 else { return nil }
    switch fields[dash + 1] {
    case "cgroup": version = .v1
    case "cgroup2": version = .v2
    default: return nil
    }
    root = unescaped(fields[3])
    point = unescaped(fields[4])
    options = fields[dash + 3].split(separator: ",").map(String.init)
  }

  /// The folder of a cgroup, when it lies in what the mount shows.
  func folder(_ path: String) -> String? {
    if root == path || path == "/" && root == "/" { return point }
    let prefix = root == "/" ? "/" : root + "/"
    guard path.hasPrefix(prefix), !path.hasPrefix("/..") else { return nil }
    return "\(point)/\(path.dropFirst(prefix.count))"
  }
}

/// mountinfo writes a space, and what else would mislead, as a backslash and three octal digits.
private func unescaped(_ text: Substring) -> String {
  var bytes: [UInt8] = []
  var rest = text.utf8[...]
  while let byte = rest.popFirst() {
    if byte == UInt8(ascii: "\\"), let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8) {
      rest = rest.dropFirst(3)
      bytes.append(code)
    } else {
      bytes.append(byte)
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}
