// Exported, so that `Mutex` is one name everywhere and the stand-in below, where it is built, shadows the library's.
@_exported public import Synchronization

#if TSAN
  import Glibc

  /// A stand-in for `Synchronization.Mutex` that the thread sanitizer understands; built only with `-D TSAN`.
  ///
  /// The sanitizer does not see the futex that the library's mutex is made of, and reports a race in every use of it.
  public final class Mutex<Value: ~Copyable>: @unchecked Sendable {
    // Sendable: every access to the value is under the lock.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    public init(_ value: consuming sending Value) {
      self.value = value
      lock = .allocate(capacity: 1)
      pthread_mutex_init(lock, nil)
    }

    deinit {
      pthread_mutex_destroy(lock)
      lock.deallocate()
    }

    public func withLock<Result: ~Copyable, E: Error>(
      _ body: (inout sending Value) throws(E) -> sending Result
    ) throws(E) -> sending Result {
      pthread_mutex_lock(lock)
      defer { pthread_mutex_unlock(lock) }
      return try body(&value)
    }
  }
#endif
