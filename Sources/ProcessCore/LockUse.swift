import Linux

/// Which lock a condition or an array takes.
public enum LockChoice: Equatable, Sendable {
  /// A reentrant one of its own, which is made and deleted with it: `{name}.lock`.
  case own
  /// One that is there, and may be shared.
  case named(Name)
}

/// A resource that needs another, as told to whoever wants to delete that.
struct ResourceUser: Hashable, Sendable {
  let kind: String
  let name: Name

  init(_ kind: Kind, _ name: Name) {
    self.kind = kind.singular
    self.name = name
  }
}

/// The lock of a condition or an array, which cannot be deleted before that is.
struct LockUse: Sendable {
  let lock: Lock
  let isOwn: Bool
  private let user: ResourceUser

  /// `user` is about to be made.
  init(_ choice: LockChoice, by user: ResourceUser, in commons: Commons) throws(CoreError) {
    self.user = user
    switch choice {
    case .own:
      isOwn = true
      guard let name = Name("\(user.name).lock") else {
        throw CoreError(.invalid(pointer: "/name"), "must leave room for the name of its lock: at most 59 characters")
      }
      lock = try commons.locks.create(name, Lock.Settings(isReentrant: true), in: commons)
    case .named(let name):
      isOwn = false
      guard let there = commons.locks.registry.find(name.text) else { throw .noLock }
      lock = there
    }
    try lock.use(by: user)
  }

  /// The user is about to be deleted; throws when its own lock cannot be.
  func retire() throws(CoreError) { if isOwn { try lock.retire(except: user) } }

  /// The user is no more.
  func end(_ error: CoreError, in commons: Commons) {
    lock.stopUse(by: user)
    // Somebody may have found a way to delete it already.
    if isOwn { try? commons.locks.delete(lock, error) }
  }
}

extension Lock {
  public func retire() throws(CoreError) { try retire(except: nil) }

  fileprivate func retire(except user: ResourceUser?) throws(CoreError) {
    try monitor.read { state throws(CoreError) in
      if let other = state.users.keys.first(where: { $0 != user }) {
        throw CoreError(.inUse, "the \(other.kind) '\(other.name)' uses the lock '\(name)'")
      }
      state.isRetired = true
    }
  }

  fileprivate func use(by user: ResourceUser) throws(CoreError) {
    try monitor.read { state throws(CoreError) in
      if state.isRetired { throw .noLock }
      state.users[user, default: 0] += 1
    }
  }

  fileprivate func stopUse(by user: ResourceUser) {
    monitor.read { state in
      // One of the same name may be made before this one is quite gone.
      state.users[user] = state.users[user].flatMap { $0 > 1 ? $0 - 1 : nil }
    }
  }
}

extension CoreError {
  fileprivate static let noLock = CoreError(.invalid(pointer: "/lock"), "there is no such lock")
}
