import Glibc

extension SharedSpace {
  static let prefix = "procession-"
  private static let lockSuffix = ".lock"

  static func lockPath(of instance: String, in folder: String) -> String {
    "\(folder)/\(prefix)\(instance)\(lockSuffix)"
  }

  /// Removes what this user's daemons left that have died since, and returns how many memories that were.
  ///
  /// Only files of our naming go, and only while we hold the lock of the daemon that they are named after. Without a lock
  /// file there is no proof that it is dead, and they stay.
  @discardableResult
  public func sweep() -> Int {
    var removed = 0
    for name in Self.names(in: folder) where name.hasPrefix(Self.prefix) && name.hasSuffix(Self.lockSuffix) {
      let instance = String(name.dropFirst(Self.prefix.count).dropLast(Self.lockSuffix.count))
      guard Self.isInstance(instance), let lock = InstanceLock.take("\(folder)/\(name)") else { continue }
      let files = Self.removeFiles(of: instance, in: folder)
      removed += files.removed
      if files.left == 0 { lock.remove() }
    }
    return removed
  }

  /// To be called with the instance's lock, so that none are added meanwhile.
  static func removeFiles(of instance: String, in folder: String) -> (removed: Int, left: Int) {
    var (removed, left) = (0, 0)
    let prefix = "\(Self.prefix)\(instance)-"
    for name in names(in: folder) where name.hasPrefix(prefix) && isNumber(name.dropFirst(prefix.count)) {
      let path = "\(folder)/\(name)"
      if FileStatus(path: path)?.isOurs == true, unlink(path) == 0 { removed += 1 } else { left += 1 }
    }
    return (removed, left)
  }

  private static func isInstance(_ text: String) -> Bool {
    text.utf8.count == 16 && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
  }

  private static func isNumber(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { "0123456789".utf8.contains($0) }
  }

  private static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { name in
        String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
      }
      names.append(name)
    }
    return names
  }
}
