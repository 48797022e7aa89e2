import Glibc
import Linux

/// The shared memory of one daemon: its files in /dev/shm, named `procession-INSTANCE-NUMBER`, and the lock that tells
/// other daemons that it lives.
///
/// INSTANCE is random, 16 hexadecimal digits; no number is used twice.
public final class SharedSpace: Sendable {
  private struct State: ~Copyable {
    var lock: InstanceLock?
    var last = 0
    var pages = 0
  }

  private struct Worker {
    var queue: WorkQueue<Void>?
    var isClosed = false
  }

  public let folder: String
  let instance: String
  private let maxPages: Int
  private let state = Mutex(State())
  /// Makes and frees what is large; begun when there is something to do.
  private let worker = Mutex(Worker())

  /// At most `maxBytes` are there at a time, in whole pages. Nothing is made before the first memory is.
  public init(maxBytes: Int, folder: String = "/dev/shm") {
    self.folder = folder
    maxPages = maxBytes / Self.page
    let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
    instance = String(repeating: "0", count: 16 - digits.count) + digits
  }

  deinit { close() }

  /// From so many bytes on memory is freed, and had better be made, by `submit`: the kernel takes a millisecond for 4 MiB.
  static let large = 4 << 20

  /// Does something on the thread that is there for it, in order; on the caller's when there is none.
  public func submit(_ job: @escaping @Sendable () -> Void) {
    let queue = worker.withLock { worker -> WorkQueue<Void>? in
      if worker.queue == nil, !worker.isClosed { worker.queue = try? WorkQueue(name: "memory", workers: [()]) }
      return worker.queue
    }
    if let queue { queue.submit { job() } } else { job() }
  }

  func free(_ pages: SharedMemory.Pages, _ byteCount: Int) {
    guard byteCount >= Self.large else {
      pages.free()
      return release(byteCount)
    }
    submit { [self] in
      pages.free()
      release(byteCount)
    }
  }

  /// Removes all its files, while nobody makes memory. What there is can still be used by those who hold it.
  public func close() {
    let queue = worker.withLock { worker in
      worker.isClosed = true
      return worker.queue.take()
    }
    queue?.stop()
    state.withLock { state in
      guard let lock = state.lock.take() else { return }
      if Self.removeFiles(of: instance, in: folder).left == 0 { lock.remove() }
    }
  }

  /// New memory, all zeros, whose pages are all there: a full /dev/shm fails this call, and nothing later.
  ///
  /// It takes about 0.3 s per GiB. Throws `.quota` when `maxBytes`, /dev/shm, the descriptors or the mappings are used up,
  /// and beyond our limit on file sizes, of which SIGXFSZ tells too: it must be ignored.
  public func allocate(_ byteCount: Int) throws(CoreError) -> SharedMemory {
    let name = try reserve(byteCount)
    do throws(SystemError) {
      return try SharedMemory(name: name, byteCount: byteCount, in: self)
    } catch {
      release(byteCount)
      let isFull = [ENOSPC, EDQUOT, ENOMEM, EMFILE, ENFILE, EFBIG].contains(error.errno)
      throw isFull ? CoreError(.quota, "no shared memory of \(byteCount) bytes: \(error)") : .system(error)
    }
  }

  /// The name of the next memory.
  private func reserve(_ byteCount: Int) throws(CoreError) -> String {
    precondition(byteCount >= 0)
    let pages = Self.pages(byteCount)
    let number = try state.withLock { state throws(CoreError) -> Int in
      guard pages <= maxPages - state.pages else {
        let (all, used) = (maxPages * Self.page, state.pages * Self.page)
        throw CoreError(.quota, "\(used) of \(all) bytes of shared memory are in use, and \(byteCount) more do not fit")
      }
      if state.lock == nil {
        let path = Self.lockPath(of: instance, in: folder)
        do throws(SystemError) { state.lock = try InstanceLock.make(path) } catch { throw .system(error) }
      }
      state.pages += pages
      state.last += 1
      return state.last
    }
    return "\(Self.prefix)\(instance)-\(number)"
  }

  func hasRoom(for byteCount: Int) -> Bool { state.withLock { Self.pages(byteCount) <= maxPages - $0.pages } }

  func release(_ byteCount: Int) { state.withLock { $0.pages -= Self.pages(byteCount) } }

  private static let page = Int(sysconf(CInt(_SC_PAGESIZE)))

  private static func pages(_ byteCount: Int) -> Int { byteCount / page + (byteCount % page == 0 ? 0 : 1) }
}
