import Glibc
import Linux

/// Which processes get a cgroup of their own, where the machine gives one.
public enum CgroupUse: String, CaseIterable, Sendable {
  case none
  /// Those with a limit that needs one.
  case limited
  case all
}

/// The cgroups of a service's processes, in whatever hierarchies the machine lets us make some. Where there is none, all goes
/// on without.
///
/// What there is was found out by trying, when this was made.
public final class Cgroups: Sendable {
  /// What is mounted; nil without cgroups.
  public let version: CgroupVersion?
  public let use: CgroupUse
  private let main: CgroupFolder?
  private let folders: [CgroupFolder]
  private let limiting: [CgroupController: CgroupFolder]
  private let obstacle: String
  private let delegation: Mutex<CgroupDelegation?>
  private let last = Atomic(0)
  private let place: CgroupPlace

  /// `instance`: what the service's own are named after.
  init(_ use: CgroupUse, instance: String, place: CgroupPlace = .current()) {
    self.use = use
    self.place = place
    version = place.version
    var reach = place
    if use == .none { (reach.unified, reach.legacy) = (nil, [:]) }
    var maker = Maker(instance: instance)
    let unified = maker.folder(reach.unified, isUnified: true)
    let delegation = unified.map { CgroupDelegation(from: $0.parent, to: $0.path) }
    var limiting: [CgroupController: CgroupFolder] = [:]
    for controller in CgroupController.allCases {
      let isUnified = delegation?.controllers.contains(controller) ?? false
      limiting[controller] = isUnified ? unified : maker.folder(reach.legacy[controller.rawValue], isUnified: false)
    }
    let holds = unified?.control.canFreeze ?? false
    main = (holds ? nil : maker.folder(reach.legacy["freezer"], isUnified: false)) ?? unified ?? maker.folders.first
    folders = maker.folders
    self.limiting = limiting
    let unused = use == .none ? "the service was started with --cgroups none" : nil
    obstacle =
      unused ?? maker.obstacle ?? delegation?.obstacle
      ?? (version == nil ? "none are mounted" : "no controller is in reach")
    self.delegation = Mutex(delegation)
  }

  /// What can be limited.
  public var limits: [ProcessSpec.Resource] {
    ProcessSpec.Resource.allCases.filter { $0.controller.map { limiting[$0] != nil } ?? false }
  }

  /// Whether a cgroup's members are killed by one call, those that are being forked included.
  public var canKill: Bool { main?.control.canKill ?? false }
  /// Whether a cgroup's members can be held still.
  public var canFreeze: Bool { main?.control.canFreeze ?? false }

  /// Refuses a limit that cannot be given here.
  func check(_ limits: [ProcessSpec.ResourceLimit]) throws(CoreError) {
    for limit in limits {
      guard let controller = limit.resource.controller, limiting[controller] == nil else { continue }
      throw CoreError(
        .invalid(pointer: "/limits/\(limit.resource.rawValue)"), "needs a cgroup, and there is none: \(obstacle)")
    }
  }

  /// An empty cgroup with those limits; nil when that process is to have none.
  func make(_ limits: [ProcessSpec.ResourceLimit]) throws(SpawnError) -> Cgroup? {
    let placed = limits.compactMap { limit in
      limit.resource.controller.map { (limit: limit, folder: limiting[$0]) }
    }
    guard let main, use == .all || !placed.isEmpty else { return nil }
    return try Cgroup(last.add(1, ordering: .relaxed).newValue, in: main, placed)
  }

  /// Removes what services of this user have left that have died since, and kills who is in it; returns how many those were.
  @discardableResult
  public func sweep() -> Int {
    let legacy = Set(place.legacy.values).map { (path: $0, isUnified: false) }
    return (legacy + (place.unified.map { [(path: $0, isUnified: true)] } ?? [])).reduce(0) {
      $0 + CgroupFolder.sweep($1.path, isUnified: $1.isUnified)
    }
  }

  /// Kills what is left in them, and removes all. Nothing may be started any more.
  func close() {
    for folder in folders { folder.clear() }
    delegation.withLock { $0?.end() }
    for folder in folders { folder.close() }
  }
}

/// Makes our folder in each hierarchy, one for each.
private struct Maker {
  let instance: String
  private(set) var folders: [CgroupFolder] = []
  private(set) var obstacle: String?

  init(instance: String) { self.instance = instance }

  mutating func folder(_ parent: String?, isUnified: Bool) -> CgroupFolder? {
    guard let parent else { return nil }
    if let known = folders.first(where: { $0.parent == parent }) { return known }
    do throws(SystemError) {
      let folder = try CgroupFolder.make(instance, in: parent, isUnified: isUnified)
      folders.append(folder)
      return folder
    } catch {
      if obstacle == nil { obstacle = "\(error)" }
      return nil
    }
  }
}
