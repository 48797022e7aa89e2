import Glibc
import ProcessCore

/// Runs `MemoryProbe`, which SwiftPM builds beside the tests, to its end.
///
/// Not an exit test: what waits for those looks at every child of this process, and never gets past one that another test
/// has yet to reap.
func probe(_ what: String, _ folder: SharedFolder) throws -> (status: ExitStatus, output: String) {
  var link = [UInt8](repeating: 0, count: 4096)
  let count = readlink("/proc/self/exe", &link, link.count)
  let own = String(decoding: link.prefix(max(count, 0)), as: UTF8.self)
  let program = String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/MemoryProbe"
  var request = SpawnRequest(command: [program, what, folder.path])
  request.limits = [(CInt(RLIMIT_CORE.rawValue), 0)]
  return try run(request)
}
