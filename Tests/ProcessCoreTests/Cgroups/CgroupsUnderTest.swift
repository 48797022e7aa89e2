import Glibc
import Linux
import Testing

@testable import ProcessCore

/// What a machine may have: what this one has, or less.
enum Hierarchies: String, CaseIterable, Sendable {
  case all
  /// Version 1 alone.
  case legacy

  var place: CgroupPlace {
    var place = CgroupPlace.current()
    if self == .legacy { place.unified = nil }
    return place
  }

  /// Whether this machine can do all that these tests are about; it says why not.
  var isThere: Bool {
    let instance = "00000000" + String(UInt32.random(in: 1 << 28 ... .max), radix: 16)
    let cgroups = Cgroups(.limited, instance: instance, place: place)
    defer { cgroups.close() }
    let isThere = cgroups.canFreeze && cgroups.limits == [.memory, .pids, .cpu]
    if !isThere { print("skipped: \(self) cgroups here: limits \(cgroups.limits), freezer \(cgroups.canFreeze)") }
    return isThere
  }

  /// Those that this machine has.
  static let here = allCases.filter(\.isThere)
}

/// A manager whose processes have cgroups.
struct CgroupsUnderTest {
  let test: ManagerUnderTest
  let place: CgroupPlace

  init(_ hierarchies: Hierarchies, _ use: CgroupUse = .all) throws {
    place = hierarchies.place
    var options = ProcessOptions()
    options.cgroups = use
    options.cgroupPlace = place
    test = try ManagerUnderTest(options)
    try Subreaper.enable()
  }

  var cgroups: Cgroups { test.manager.cgroups }

  /// The folders of processes' cgroups.
  var made: [String] {
    (Array(place.legacy.values) + [place.unified].compactMap { $0 }).flatMap { parent in
      let folder = "\(parent)/procession-\(test.manager.commons.space.instance)"
      return CgroupFiles.names(in: folder).filter { Int($0) != nil }.map { "\(folder)/\($0)" }
    }
  }

  func stopped(_ process: Process, signal: CInt = SIGTERM, grace: Double = 30) throws -> StopReport {
    let told = Told<StopReport>()
    try process.stop(signal: signal, grace: grace, then: told.tell)
    try #require(told.reached(1, within: 30))
    for pid in told.all[0].ended where pid != process.snapshot.pid { waitpid(pid, nil, WNOHANG) }
    return told.all[0]
  }

  func paused(_ process: Process) throws -> PauseReport {
    let told = Told<Result<PauseReport, CoreError>>()
    try process.pause(then: told.tell)
    try #require(told.reached(1, within: 30))
    return try told.all[0].get()
  }

  func resumed(_ process: Process) throws -> PauseReport {
    let told = Told<Result<PauseReport, CoreError>>()
    try process.resume(then: told.tell)
    try #require(told.reached(1, within: 30))
    return try told.all[0].get()
  }

  func rows(of process: Process) throws -> [TreeEntry] {
    let told = Told<Result<[TreeEntry], CoreError>>()
    try process.tree(then: told.tell)
    try #require(told.reached(1, within: 30))
    return try told.all[0].get()
  }
}
