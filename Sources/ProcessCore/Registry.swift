import Glibc
import Linux

/// The resources of one kind, by name and in the order in which they were made.
///
/// A look-up takes the name's bytes as they stand in a request, so that it builds no String. A page of a list costs what
/// the page holds, however many resources there are.
public final class Registry<Item: Sendable>: Sendable {
  fileprivate struct Entry: Sendable {
    let name: Name
    let serial: UInt64
    /// nil while the name is reserved for an item that is still being made.
    var item: Item?
    /// That item, for whoever asks for it.
    var proposed: Item?
  }

  fileprivate struct State: Sendable {
    /// By the hash of the name's bytes; more than one only where two names collide.
    var byHash: [Int: [Entry]] = [:]
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
      state.byHash[hash(name), default: []].append(Entry(name: name, serial: state.lastSerial, item: nil))
      return name
    }
  }

  /// Tells `claimant` the item that a name is reserved for, before others may see it.
  public func propose(_ item: Item, as name: Name) {
    state.withLock { state in
      guard let (key, index) = state.find(name) else { return }
      state.byHash[key]?[index].proposed = item
    }
  }

  /// The item that a name is reserved for and that cannot be seen yet.
  public func claimant(_ name: Name) -> Item? {
    state.withLock { state in state.find(name).flatMap { key, index in state.byHash[key]?[index].proposed } }
  }

  /// Shows the item under the name that was reserved for it.
  public func publish(_ item: Item, as name: Name) {
    state.withLock { state in
      guard let (key, index) = state.find(name), var entries = state.byHash[key], entries[index].item == nil else {
        preconditionFailure("only a reserved name can be published")
      }
      // The place in the list is that of the moment in which it can be seen, so that a reader who pages misses none.
      state.lastSerial += 1
      entries[index] = Entry(name: name, serial: state.lastSerial, item: item)
      state.byHash[key] = entries
      state.order.append((state.lastSerial, name))
      state.count += 1
    }
  }

  /// Whether there is an item of this name, or one that is being made.
  func isTaken(_ name: Name) -> Bool { state.withLock { $0.find(name) != nil } }

  /// Gives a reserved name back.
  public func withdraw(_ name: Name) { state.withLock { _ = $0.remove(name) } }

  public func find(_ name: UnsafeRawBufferPointer) -> Item? {
    let key = hash(name)
    return state.withLock { state in
      guard let entries = state.byHash[key] else { return nil }
      for entry in entries {
        var text = entry.name.text
        let isNamed = text.withUTF8 { utf8 in
          guard utf8.count == name.count, let a = utf8.baseAddress, let b = name.baseAddress else { return false }
          return memcmp(a, b, name.count) == 0
        }
        if isNamed { return entry.item }
      }
      return nil
    }
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

private func hash(_ name: UnsafeRawBufferPointer) -> Int {
  var hasher = Hasher()  // Seeded: a client that chooses names cannot choose collisions.
  hasher.combine(bytes: name)
  return hasher.finalize()
}

private func hash(_ name: Name) -> Int {
  var text = name.text
  return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
}

extension Registry.State {
  fileprivate func find(_ name: Name) -> (key: Int, index: Int)? {
    let key = hash(name)
    return byHash[key]?.firstIndex { $0.name == name }.map { (key, $0) }
  }

  fileprivate func item(_ name: Name?) -> Item? {
    guard let name, let (key, index) = find(name) else { return nil }
    return byHash[key]?[index].item
  }

  fileprivate mutating func nextName(_ kind: String) -> Name {
    while true {
      lastNumber += 1
      guard let name = Name("\(kind)-\(lastNumber)") else { preconditionFailure("a kind is a name") }
      if find(name) == nil { return name }  // Somebody may have chosen this very name.
    }
  }

  fileprivate mutating func remove(_ name: Name) -> Item? {
    guard let (key, index) = find(name), let entry = byHash[key]?.remove(at: index) else { return nil }
    if byHash[key]?.isEmpty == true { byHash[key] = nil }
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

  fileprivate func entries(after serial: UInt64, count: Int) -> [Registry.Entry] {
    var found: [Registry.Entry] = []
    for place in order[firstIndex(after: serial)...] {
      if found.count == count { break }
      guard let name = place.name, let (key, index) = find(name), let entry = byHash[key]?[index] else { continue }
      found.append(entry)
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
