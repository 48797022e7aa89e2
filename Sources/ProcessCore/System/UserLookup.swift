import Glibc
public import Linux

/// A user to run a process as.
public struct User: Hashable, Sendable {
  public var identity: Identity
  /// `nil` for a number without an account.
  public var name: String?
  public var home: String?
}

/// Finds users and groups in the system's databases, from any thread. A look may go over the network: see nsswitch.conf(5).
public enum UserLookup {
  public enum Failure: Error, Hashable, Sendable {
    case unknownUser(String)
    case unknownGroup(String)
    /// A number without an account has no group: one must be given.
    case noGroup(String)
    case system(SystemError)
  }

  /// `user` or `user:group`, each a name or a number; what can be both is a name.
  ///
  /// The supplementary groups are the account's, also beside a group that is given.
  public static func find(_ text: String) throws(Failure) -> User {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let group: gid_t? = parts.count == 2 ? try gid(of: parts[1]) : nil
    if let account = try account(named: parts[0]) { return try user(account, group: group) }
    guard let uid = id(parts[0]) else { throw .unknownUser(parts[0]) }
    if let account = try account(numbered: uid) { return try user(account, group: group) }
    guard let group else { throw .noGroup(parts[0]) }
    return User(identity: Identity(uid: uid, gid: group, groups: [group]))
  }

  private struct Account {
    var name: String
    var uid: uid_t
    var gid: gid_t
    var home: String

    init(_ entry: passwd) {
      name = String(cString: entry.pw_name)
      uid = entry.pw_uid
      gid = entry.pw_gid
      home = String(cString: entry.pw_dir)
    }
  }

  private static func user(_ account: Account, group: gid_t?) throws(Failure) -> User {
    let gid = group ?? account.gid
    var count: CInt = 32
    while true {
      var groups = [gid_t](repeating: 0, count: Int(count))
      let asked = count
      if getgrouplist(account.name, gid, &groups, &count) != -1 {
        let identity = Identity(uid: account.uid, gid: gid, groups: Array(groups.prefix(Int(count))))
        return User(identity: identity, name: account.name, home: account.home)
      }
      guard count > asked else { throw .system(SystemError("getgrouplist", errno: ENOMEM)) }
    }
  }

  private static func account(named name: String) throws(Failure) -> Account? {
    if name.utf8.contains(0) { return nil }
    return try entry("getpwnam", Account.init) { getpwnam_r(name, $0, $1, $2, $3) }
  }

  private static func account(numbered uid: uid_t) throws(Failure) -> Account? {
    try entry("getpwuid", Account.init) { getpwuid_r(uid, $0, $1, $2, $3) }
  }

  private static func gid(of text: String) throws(Failure) -> gid_t {
    if text.utf8.contains(0) { throw .unknownGroup(text) }
    let named = try entry("getgrnam", { (entry: group) in entry.gr_gid }) { getgrnam_r(text, $0, $1, $2, $3) }
    guard let gid = named ?? id(text) else { throw .unknownGroup(text) }
    return gid
  }

  /// The largest number is none: to the kernel it says "leave it as it is".
  private static func id(_ text: String) -> UInt32? {
    guard !text.isEmpty, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
    return UInt32(text).flatMap { $0 == .max ? nil : $0 }
  }

  /// One of libc's `_r` calls, again with a larger buffer until the entry fits; `nil` if there is none.
  private static func entry<Entry, Result>(
    _ call: String, _ convert: (Entry) -> Result,
    _ look: (
      UnsafeMutablePointer<Entry>, UnsafeMutablePointer<CChar>, Int, UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
    )
      -> CInt
  ) throws(Failure) -> Result? {
    var size = 1024
    while true {
      let text = UnsafeMutablePointer<CChar>.allocate(capacity: size)
      let entry = UnsafeMutablePointer<Entry>.allocate(capacity: 1)
      defer {
        text.deallocate()
        entry.deallocate()
      }
      var found: UnsafeMutablePointer<Entry>?
      switch look(entry, text, size, &found) {
      case 0, ENOENT, ESRCH: return found.map { convert($0.pointee) }
      case ERANGE where size < 1 << 24: size *= 4
      case EINTR: continue
      case let code: throw .system(SystemError(call, errno: code))
      }
    }
  }
}
