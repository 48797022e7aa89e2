import Linux

/// The controllers that set limits for a cgroup.
enum CgroupController: String, CaseIterable, Sendable {
  case memory, pids, cpu
}

extension ProcessSpec.Resource {
  /// What a limit of it is set by, where that is a cgroup; nil: it is the process's own, by setrlimit(2).
  var controller: CgroupController? {
    switch self {
    case .memory: .memory
    case .pids: .pids
    case .cpu: .cpu
    case .cpuSeconds, .addressSpace, .openFiles, .processes, .fileSize, .core: nil
    }
  }
}

extension ProcessSpec.ResourceLimit {
  /// Writes it to the cgroup of that folder.
  func apply(to folder: String, isUnified: Bool) throws(SystemError) {
    switch resource.controller {
    case .memory where isUnified:
      try CgroupFiles.write("\(value)", to: "\(folder)/memory.max")
      try writeIfThere("0", to: "\(folder)/memory.swap.max")
    case .memory:
      try CgroupFiles.write("\(value)", to: "\(folder)/memory.limit_in_bytes")
      try writeIfThere("\(value)", to: "\(folder)/memory.memsw.limit_in_bytes")
    case .pids: try CgroupFiles.write("\(value)", to: "\(folder)/pids.max")
    // So many microseconds in each tenth of a second; the kernel takes no fewer than a thousand.
    case .cpu where isUnified: try CgroupFiles.write("\(value / 10) 100000", to: "\(folder)/cpu.max")
    case .cpu:
      try CgroupFiles.write("100000", to: "\(folder)/cpu.cfs_period_us")
      try CgroupFiles.write("\(value / 10)", to: "\(folder)/cpu.cfs_quota_us")
    case nil: break
    }
  }

  /// A kernel that does not count swap has no file for it.
  private func writeIfThere(_ text: String, to path: String) throws(SystemError) {
    do { try CgroupFiles.write(text, to: path) } catch { if error.call.hasPrefix("write") { throw error } }
  }
}
