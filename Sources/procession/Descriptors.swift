import Glibc

/// How many files the service may have open, and how they are divided. Connections and children's pipes need many, and a
/// service that has run out of them can neither accept a call nor start a child.
struct Descriptors {
  /// What we had before the limit was raised, for children to begin with.
  let inherited: UInt64?
  private let limit: Int

  /// Raises the limit as far as it goes.
  init() {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limits = rlimit()
    guard getrlimit(resource, &limits) == 0 else {
      inherited = nil
      limit = 1024
      return
    }
    inherited = UInt64(limits.rlim_cur)
    limits.rlim_cur = limits.rlim_max
    setrlimit(resource, &limits)
    limit = Int(clamping: limits.rlim_max)
  }

  /// Lets the kernel make room in the table of descriptors for as many as there can be. It doubles the table each time that it
  /// is full, and holds every thread that opens something up for some 20 ms, unless there is one thread only: to be called
  /// before there are others.
  func makeRoom(connections: Int, running: Int) {
    let (connections, running) = share(connections: connections, running: running)
    let last = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, CInt(clamping: min(limit - 1, connections + running * 4 + 64)))
    if last != -1 { close(last) }
  }

  /// What of the wished numbers there is room for: three in four are for connections, and a child that runs has
  /// four of the rest, its pidfd and its pipes.
  func share(connections: Int, running: Int) -> (connections: Int, running: Int) {
    let free = max(limit - 64, 16)
    let connections = min(connections, free / 4 * 3)
    return (connections, min(running, max((free - connections) / 4, 1)))
  }
}
