import Glibc
import Linux

/// The resources of one kind, by name and in the order in which they were made.
///
/// A look-up takes the name's bytes as they stand in a request, so that it builds no String. A page of a list costs what
/// the page holds, however many resources there are.
public final class Registry<Item: Sendable>: Sendable {
  fileprivate final class Entry {
    let name: Name
    var serial: UInt64
    /// nil while the name is reserved for an item that is still being made.
    var item: Item?
    /// That item, for whoever asks for it.
    var proposed: Item?
    /// The name's, which its key points to.
    private let bytes: Bytes

    init(_ name: Name, serial: UInt64) {
      self.name = name
      self.serial = serial
      bytes = Bytes(name.text)
    }

    var key: Key { Key(bytes: bytes.buffer) }
  }

  fileprivate struct State {
    /// No key outlives its entry.
    var byName: [Key: Entry] = [:]
    /// The one that was found last: one resource is mostly asked for many times in a row, and a hash costs more than a look.
    var latest: Entry?
    /// Serials and names in ascending order of serials; a removed one stays as a gap until half are gaps.
    var order: [(serial: UInt64, name: Name?)] = []
    var gaps = 0
    var lastSerial: UInt64 = 0
    var lastNumber = 0
    var count = 0
  }

  private let state = Mutex(State())
  private let kind: String
  private let reserved: Set<String>

  /// `kind` is Python's word for the resource, as in `Process`, from which default names are made. `reserved` are names
  /// that paths need for themselves.
  public init(kind: String, reserved: Set<String> = []) {
    self.kind = kind
    self.reserved = reserved
  }

  /// Sets a name aside until `publish` or `withdraw`. Without a name the next of `Kind-1`, `Kind-2`… is taken, none of
  /// which is ever used again.
  public func reserve(_ name: Name?) throws(CoreError) -> Name {
    if let name, reserved.contains(name.text) {
      throw CoreError(.invalid(pointer: "/name"), "the name '\(name)' is reserved")
    }
    return try state.withLock { state throws(CoreError) in
      let name = name ?? state.nextName(kind)
      guard state.find(name) == nil else {
        throw CoreError(.alreadyExists, "a \(kind.lowercased()) named '\(name)' exists")
      }
      state.lastSerial += 1
      let entry = Entry(name, serial: state.lastSerial)
      state.byName[entry.key] = entry
      return name
    }
  }

  /// Tells `claimant` the item that a name is reserved for, before others may see it.
  public func propose(_ item: Item, as name: Name) {
    state.withLock { $0.find(name)?.proposed = item }
  }

  /// The item that a name is reserved for and that cannot be seen yet.
  public func claimant(_ name: Name) -> Item? {
    state.withLock { $0.find(name)?.proposed }
  }

  /// Shows the item under the name that was reserved for it.
  public func publish(_ item: Item, as name: Name) {
    state.withLock { state in
      guard let entry = state.find(name), entry.item == nil else {
        preconditionFailure("only a reserved name can be published")
      }
      // The place in the list is that of the moment in which it can be seen, so that a reader who pages misses none.
      state.lastSerial += 1
      entry.serial = state.lastSerial
      entry.item = item
      entry.proposed = nil
      state.order.append((state.lastSerial, name))
      state.count += 1
    }
  }

  /// Whether there is an item of this name, or one that is being made.
  func isTaken(_ name: Name) -> Bool { state.withLock { $0.find(name) != nil } }

  /// Gives a reserved name back.
  public func withdraw(_ name: Name) { state.withLock { _ = $0.remove(name) } }

  public func find(_ name: UnsafeRawBufferPointer) -> Item? {
    state.withLock { $0.find(Key(bytes: name))?.item }
  }

  public func find(_ name: String) -> Item? {
    var name = name
    return name.withUTF8 { find(UnsafeRawBufferPointer($0)) }
  }

  @discardableResult
  public func remove(_ name: Name) -> Item? { state.withLock { $0.remove(name) } }

  /// Removes the item with this name only if it is this one, and says whether it was.
  func remove(_ name: Name, ifSame item: Item) -> Bool where Item: AnyObject {
    state.withLock { state in
      guard state.item(name) === item else { return false }
      return state.remove(name) != nil
    }
  }

  public var count: Int { state.withLock { $0.count } }

  /// All items in the order in which they were made, as they were at one moment.
  public var all: [Item] { state.withLock { state in state.order.compactMap { state.item($0.name) } } }

  /// At most `limit` items made after the one with serial `cursor`, of those that `isWanted`; `next` is the cursor of the
  /// following page, nil when this was the last.
  public func page(after cursor: UInt64, limit: Int, where isWanted: (Name, Item) -> Bool) -> (
    items: [Item], next: UInt64?
  ) {
    var items: [Item] = []
    var last = cursor
    while true {
      // By the chunk, because `isWanted` looks into the items and must not do so under this lock.
      let chunk = state.withLock { $0.entries(after: last, count: limit + 1) }
      for entry in chunk {
        if let item = entry.item, isWanted(entry.name, item) {
          if items.count == limit { return (items, last) }
          items.append(item)
        }
        last = entry.serial
      }
      if chunk.count <= limit { return (items, nil) }
    }
  }
}

/// A name's bytes, wherever they are. Hashes are seeded: a client that chooses names cannot choose collisions.
private struct Key: Hashable, @unchecked Sendable {
  // Sendable: nobody writes to the bytes.
  let bytes: UnsafeRawBufferPointer

  func hash(into hasher: inout Hasher) { hasher.combine(bytes: bytes) }

  static func == (a: Key, b: Key) -> Bool {
    guard a.bytes.count == b.bytes.count, let one = a.bytes.baseAddress, let other = b.bytes.baseAddress else {
      return a.bytes.count == b.bytes.count
    }
    return memcmp(one, other, a.bytes.count) == 0
  }
}

extension Registry.State {
  fileprivate func find(_ name: Name) -> Registry.Entry? {
    var text = name.text
    return text.withUTF8 { byName[Key(bytes: UnsafeRawBufferPointer($0))] }
  }

  fileprivate mutating func find(_ key: Key) -> Registry.Entry? {
    if let latest, latest.key == key { return latest }
    guard let entry = byName[key] else { return nil }
    latest = entry
    return entry
  }

  fileprivate func item(_ name: Name?) -> Item? { name.flatMap { find($0)?.item } }

  fileprivate mutating func nextName(_ kind: String) -> Name {
    while true {
      lastNumber += 1
      guard let name = Name("\(kind)-\(lastNumber)") else { preconditionFailure("a kind is a name") }
      if find(name) == nil { return name }  // Somebody may have chosen this very name.
    }
  }

  fileprivate mutating func remove(_ name: Name) -> Item? {
    guard let entry = find(name) else { return nil }
    byName[entry.key] = nil
    if latest === entry { latest = nil }
    guard entry.item != nil else { return nil }
    count -= 1
    let place = firstIndex(after: entry.serial - 1)
    order[place].name = nil
    gaps += 1
    if gaps * 2 > order.count {
      order.removeAll { $0.name == nil }
      gaps = 0
    }
    return entry.item
  }

  fileprivate func entries(after serial: UInt64, count: Int) -> [(name: Name, serial: UInt64, item: Item?)] {
    var found: [(name: Name, serial: UInt64, item: Item?)] = []
    for place in order[firstIndex(after: serial)...] {
      if found.count == count { break }
      guard let name = place.name, let entry = find(name) else { continue }
      found.append((name, entry.serial, entry.item))
    }
    return found
  }

  /// The index of the first place with a serial above `serial`.
  fileprivate func firstIndex(after serial: UInt64) -> Int {
    var low = 0, high = order.count
    while low < high {
      let middle = (low + high) / 2
      if order[middle].serial <= serial { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
