import Glibc
import Linux
import ProcessCore

/// What the tests of shared memory need another process for: `MemoryProbe WHAT FOLDER` does one thing in a space of that
/// folder, and prints what came of it.
@main
struct MemoryProbe {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 3 else { exit(2) }
    let folder = arguments[2]
    let space = SharedSpace(maxBytes: 1 << 20, folder: folder)
    alarm(60)
    switch arguments[1] {
    case "sweep": print(space.sweep())
    case "leave": try leave(space)
    case "limit": limit(space)
    case "fault":
      signal(SIGBUS, SIG_DFL)
      try fault(space)
    case "handled-fault":
      signal(SIGBUS) { _ in _exit(9) }
      try fault(space)
    case "signal":
      signal(SIGBUS, SIG_DFL)
      _ = try space.allocate(1)
      raise(SIGBUS)
    default: exit(2)
    }
  }

  /// Dies as a daemon that is killed, with two memories, the first of which a program has open that outlives it and
  /// writes its pid to `pid`.
  private static func leave(_ space: SharedSpace) throws {
    let memories = [try space.allocate(100), try space.allocate(0)]
    let file = try memories[0].open(writable: true)
    let script = "echo $$ > \(space.folder)/pid; exec /bin/sleep 60"
    var request = SpawnRequest(command: ["/bin/sh", "-c", script])
    request.diesWithSpawner = false
    request.descriptors = [(file.raw, 3)]
    var spawner = try Spawner()
    let holder = try spawner.spawn(request)
    kill(getpid(), SIGKILL)
    withExtendedLifetime(memories) {}
    _ = consume holder
  }

  /// Prints why the second of two memories is refused, which is a byte longer than files may be.
  private static func limit(_ space: SharedSpace) {
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit(rlim_cur: 100_000, rlim_max: 100_000)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    do throws(CoreError) {
      let small = try space.allocate(100_000)
      print(small.byteCount)
      _ = try space.allocate(100_001)
    } catch {
      print(error.kind)
    }
  }

  /// Survives a fault in our memory, and then touches what is not there in a mapping that is not ours.
  private static func fault(_ space: SharedSpace) throws {
    let array = try SharedArray(.int, count: 1, in: space)
    truncate(array.memory.path, 0)
    do { print(try array.get(0)) } catch { print(error.kind) }
    array.memory.unlink()
    fflush(nil)
    let name = "/procession-probe-\(getpid())"
    let fd = try system("shm_open") { shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
    shm_unlink(name)
    let bytes = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
    bytes?.storeBytes(of: 1, as: UInt8.self)
  }
}
