import Glibc

/// The last bytes of a stream, addressed by their absolute offsets in it.
///
/// It grows with what it holds and stops at its capacity; from then on the oldest bytes make room.
struct Ring: ~Copyable {
  private var storage: UnsafeMutableRawPointer?
  private var size = 0
  private let capacity: Int
  /// The offset of the oldest byte that is still here.
  private(set) var start: UInt64 = 0
  /// The offset after the newest byte: how many bytes the stream has had.
  private(set) var end: UInt64 = 0

  init(capacity: Int) { self.capacity = capacity }

  deinit { free(storage) }

  var count: Int { Int(end - start) }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty else { return }
    grow(toHold: count + bytes.count)
    guard size > 0 else {
      end += UInt64(bytes.count)  // No memory: the bytes count as dropped.
      start = end
      return
    }
    // Of more than the ring can hold only the last bytes stay.
    let kept = UnsafeRawBufferPointer(rebasing: bytes.suffix(size))
    end += UInt64(bytes.count - kept.count)
    var position = Int(end % UInt64(size))
    var rest = kept
    while !rest.isEmpty, let storage, let base = rest.baseAddress {
      let run = min(rest.count, size - position)
      (storage + position).copyMemory(from: base, byteCount: run)
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(run))
      position = 0
    }
    end += UInt64(kept.count)
    start = max(start, end - UInt64(min(UInt64(size), end)))
  }

  /// Copies the bytes from `offset` on, which must be here, and returns how many.
  func copy(from offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let wanted = min(buffer.count, Int(end - offset))
    var done = 0
    while done < wanted, let storage, let base = buffer.baseAddress {
      let position = Int((offset + UInt64(done)) % UInt64(size))
      let run = min(wanted - done, size - position)
      (base + done).copyMemory(from: storage + position, byteCount: run)
      done += run
    }
    return wanted
  }

  /// Gives back the memory that the bytes here do not need: nothing more will come.
  mutating func trim() { resize(to: count) }

  private mutating func grow(toHold needed: Int) {
    guard size < capacity, needed > size else { return }
    var larger = max(size, 4096)
    while larger < needed, larger < capacity { larger *= 2 }
    resize(to: min(larger, capacity))
  }

  private mutating func resize(to newSize: Int) {
    guard newSize != size else { return }
    guard newSize > 0 else {
      free(storage)
      storage = nil
      size = 0
      return
    }
    guard let larger = malloc(newSize) else { return }  // The old size still serves.
    // A byte's place depends on the size, so each is put where the new size wants it.
    var offset = start
    while offset < end, let storage {
      let from = Int(offset % UInt64(size)), to = Int(offset % UInt64(newSize))
      let run = min(Int(end - offset), size - from, newSize - to)
      (larger + to).copyMemory(from: storage + from, byteCount: run)
      offset += UInt64(run)
    }
    free(storage)
    storage = larger
    size = newSize
  }
}
