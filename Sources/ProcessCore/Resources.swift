import Glibc
import Linux

/// All resources of one type: made, found, listed and deleted by name.
public final class Resources<Item: Resource>: Sendable {
  public let registry: Registry<Item>
  private let limit: Int
  private let log: EventLog

  /// `limit`: how many there may be.
  init(limit: Int, log: EventLog) {
    registry = Registry(kind: Item.kind.word)
    self.limit = limit
    self.log = log
  }

  public func create(
    _ name: Name?, labels: [ProcessSpec.Label] = [], _ settings: Item.Settings, in commons: Commons
  ) throws(CoreError) -> Item {
    guard registry.count < limit else {
      throw CoreError(.quota, "there are \(limit) \(Item.kind.plural) already; delete some")
    }
    let name = try registry.reserve(name)
    let item: Item
    do throws(CoreError) {
      item = try Item.make(ResourceIdentity(name: name, labels: labels), settings, in: commons)
    } catch {
      registry.withdraw(name)
      throw error
    }
    registry.publish(item, as: name)
    if item.isTold { log.publish("\(Item.kind.singular).created", name) }
    do throws(CoreError) { try item.begin() } catch {
      try? delete(item, error)  // Somebody who found it may have deleted it already.
      throw error
    }
    return item
  }

  /// The one that is there, when it is the same: several programs may want it at once.
  public func createOrSame(
    _ name: Name, labels: [ProcessSpec.Label] = [], _ settings: Item.Settings, in commons: Commons
  ) throws(CoreError) -> (item: Item, isNew: Bool) {
    while true {
      if let there = registry.find(name.text) { return (try same(there, labels, settings), false) }
      do throws(CoreError) { return (try create(name, labels: labels, settings, in: commons), true) } catch {
        // Somebody else is quicker by a moment, in which nobody finds it yet.
        guard error.kind == .alreadyExists, registry.isTaken(name) else { throw error }
        sched_yield()
      }
    }
  }

  /// Whether somebody is making it just now, so that it is neither found nor free.
  public func isBeingMade(_ name: Name) -> Bool { registry.find(name.text) == nil && registry.isTaken(name) }

  private func same(
    _ there: Item, _ labels: [ProcessSpec.Label], _ settings: Item.Settings
  ) throws(CoreError) -> Item {
    guard there.settings == settings, there.identity.labels == labels else {
      throw CoreError(.alreadyExists, "the \(Item.kind.singular) is there with other settings")
    }
    return there
  }

  /// Takes it out and ends it: whoever waits on it is told so. `why` is for those reasons that do not ask whether it may go.
  public func delete(_ item: Item, _ why: CoreError? = nil) throws(CoreError) {
    if why == nil { try item.retire() }
    guard registry.remove(item.name, ifSame: item) else {
      throw CoreError(.notFound, "the \(Item.kind.singular) was deleted")
    }
    item.end(why ?? CoreError(.closed, "the \(Item.kind.singular) was deleted"))
    if item.isTold { log.publish("\(Item.kind.singular).deleted", item.name) }
  }

  func deleteAll(_ why: CoreError) { for item in registry.all { try? delete(item, why) } }
}
