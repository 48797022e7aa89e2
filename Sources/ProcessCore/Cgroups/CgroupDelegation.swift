import CLinux
import Glibc
import Linux

/// Hands the controllers of version 2 from this process's own cgroup down to those that it makes.
///
/// The kernel gives them to the children of a cgroup only while no process is in that itself, the machine's root excepted.
/// So we move to a cgroup of our own below it, with our container's init, if nobody else is there: others are not ours to move.
struct CgroupDelegation: Sendable {
  /// What can be limited now.
  private(set) var controllers: Set<CgroupController> = []
  /// Why others cannot.
  private(set) var obstacle: String?
  private let own: String
  private let folder: String
  private let leaf: String
  private var given: [CgroupController] = []
  private var hasMoved = false
  /// This process, and PID 1 and its keeper where they are parts of the service.
  private static let ourselves: Set<CInt> =
    clinux_adopter() == getpid() ? [getpid()] : [getpid(), getppid(), clinux_adopter()]

  /// `own` is our cgroup's folder, `folder` the one below it in which cgroups are to be made.
  init(from own: String, to folder: String) {
    self.own = own
    self.folder = folder
    leaf = "\(folder)/service"
    let there = Self.controllers("\(own)/cgroup.controllers")
    given = there.subtracting(Self.controllers("\(own)/cgroup.subtree_control")).sorted { $0.rawValue < $1.rawValue }
    do throws(SystemError) {
      if !given.isEmpty { try give() }
      controllers = Self.controllers("\(folder)/cgroup.controllers")
      try Self.switchOn(controllers, in: folder)
    } catch {
      controllers = []
      if obstacle == nil { obstacle = "\(error)" }
      end()
    }
  }

  private mutating func give() throws(SystemError) {
    // Only the machine's root has no events.
    if access("\(own)/cgroup.events", F_OK) == 0 {
      let there = CgroupFiles.words("\(own)/cgroup.procs").compactMap { CInt($0) }
      guard Self.ourselves.isSuperset(of: there) else {
        obstacle = "other processes are in the service's own cgroup, \(own)"
        given = []
        return
      }
      try CgroupFiles.make(leaf)
      hasMoved = true
      try Self.move(to: leaf)
    }
    try Self.switchOn(given, in: own)
  }

  /// Takes back what was given, and us to where we were. The cgroups of processes must be gone.
  mutating func end() {
    guard hasMoved else { return }
    hasMoved = false
    let words = given.map { "-\($0.rawValue)" }.joined(separator: " ")
    for folder in [folder, own] { _ = try? CgroupFiles.write(words, to: "\(folder)/cgroup.subtree_control") }
    try? Self.move(to: own)
    rmdir(leaf)
  }

  private static func move(to cgroup: String) throws(SystemError) {
    for pid in ourselves { try CgroupFiles.write("\(pid)", to: "\(cgroup)/cgroup.procs") }
  }

  private static func controllers(_ path: String) -> Set<CgroupController> {
    Set(CgroupFiles.words(path).compactMap { CgroupController(rawValue: $0) })
  }

  private static func switchOn(_ controllers: some Sequence<CgroupController>, in folder: String) throws(SystemError) {
    let words = controllers.map { "+\($0.rawValue)" }.joined(separator: " ")
    if !words.isEmpty { try CgroupFiles.write(words, to: "\(folder)/cgroup.subtree_control") }
  }
}
