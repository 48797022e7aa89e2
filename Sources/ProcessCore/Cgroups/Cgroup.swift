import Glibc
import Linux

/// The cgroup of one process and of all that comes of it, in each hierarchy that it takes. Nobody leaves it by `setsid`, by
/// letting its parent die, or by clearing its environment.
///
/// Everything may be called from any thread; after `remove` it has no members.
final class Cgroup: Sendable {
  private struct State {
    /// A child is about to enter: held still it would keep the thread that starts it.
    var isEntered = false
    /// It is not the first.
    var hasBeenEntered = false
    var isPaused = false
    /// Somebody has begun to end its members, which none must hold still any more.
    var isEnding = false
    /// How many of those that end its members look for them: it is held still until the last has found them.
    var holders = 0
    /// How often its members had been killed for want of memory when the process was started.
    var oomKills = 0
  }

  /// What a child writes itself to.
  let entries: [String]
  private let control: CgroupControl
  private let folders: [String]
  /// Where kills for want of memory are counted.
  private let memory: String?
  private let state = Mutex(State())

  /// `limits`: each with the folder of the hierarchy that its controller is in.
  init(
    _ number: Int, in main: CgroupFolder, _ limits: [(limit: ProcessSpec.ResourceLimit, folder: CgroupFolder?)]
  ) throws(SpawnError) {
    var folders = [main.cgroup(number)]
    // There also those are counted that died of an ancestor's limit. It need not be there.
    var memory = main.isUnified ? folders[0] + "/memory.events" : nil
    do throws(SystemError) {
      try CgroupFiles.make(folders[0])
      for (limit, folder) in limits {
        guard let folder else { throw SystemError("mkdir", errno: ENODEV) }
        let path = folder.cgroup(number)
        if !folders.contains(path) {
          try CgroupFiles.make(path)
          folders.append(path)
        }
        try limit.apply(to: path, isUnified: folder.isUnified)
        if limit.resource == .memory { memory = path + (folder.isUnified ? "/memory.events" : "/memory.oom_control") }
      }
    } catch {
      for folder in folders { rmdir(folder) }
      throw SpawnError(.cgroup, errno: error.errno)
    }
    self.folders = folders
    self.memory = memory
    control = CgroupControl(folders[0], isUnified: main.isUnified)
    entries = folders.map { "\($0)/cgroup.procs" }
  }

  var members: [CInt] { control.members }
  var canKill: Bool { control.canKill }

  /// Lets a child enter; to be followed by `entered`.
  func enter() {
    let oomKills = state.withLock({ $0.hasBeenEntered }) ? oomKills : 0
    state.withLock { state in
      if state.hasBeenEntered { control.thaw() }
      state = State(isEntered: true, hasBeenEntered: true, holders: state.holders, oomKills: oomKills)
    }
  }

  func entered() { state.withLock { $0.isEntered = false } }

  /// Holds its members still because somebody asked for it, until `thaw`; not where there is no way, or somebody ends them.
  func pause() {
    let isHeld = state.withLock { state in
      guard !state.isEnding, !state.isEntered, control.freeze() else { return false }
      state.isPaused = true
      return true
    }
    if isHeld { control.awaitFrozen() }
  }

  /// Holds its members still, where there is a way, so that whoever ends them misses none. To be followed by `letGo`.
  func holdToEnd() {
    let isHeld = state.withLock { state in
      state.isEnding = true
      state.isPaused = false
      state.holders += 1
      return !state.isEntered && control.freeze()
    }
    if isHeld { control.awaitFrozen() }
  }

  /// A member gets SIGKILL, which one that is held still would not hear. Whether `thaw` is to be called.
  func isEnding() -> Bool {
    state.withLock { state in
      state.isEnding = true
      return state.isPaused
    }
  }

  /// Lets its members go on, when no other holds them.
  func letGo() {
    state.withLock { state in
      state.holders -= 1
      if state.holders == 0 { control.thaw() }
    }
  }

  func thaw() {
    state.withLock { state in
      state.isPaused = false
      if state.holders == 0 { control.thaw() }
    }
  }

  /// Whether its members are held still because somebody asked for it.
  var isPaused: Bool { state.withLock { $0.isPaused } }

  func kill() { control.killAll() }

  /// Whether one of its members was killed for want of memory since the process was started.
  var hasRunOutOfMemory: Bool {
    let now = oomKills
    return state.withLock { $0.oomKills < now }
  }

  private var oomKills: Int { memory.map { CgroupFiles.number("oom_kill", in: $0) } ?? 0 }

  /// False when somebody is in it yet.
  func remove() -> Bool { folders.map { CgroupFiles.remove($0) }.allSatisfy { $0 } }
}
