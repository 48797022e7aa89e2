import Linux
import Testing

@testable import ProcessCore

@Suite struct RegistryTests {
  private final class Item: Sendable {}

  private let registry = Registry<Item>(kind: "Item")

  private func make(_ name: String) throws -> Item {
    let item = Item()
    let name = try registry.reserve(Name(name))
    registry.publish(item, as: name)
    return item
  }

  /// Whichever was asked for before.
  @Test func eachIsFoundByItsName() throws {
    let names = ["a", "b", "ab", "abc", "abd", String(repeating: "n", count: 64)]
    let items = try names.map(make)
    for first in names.indices {
      for second in names.indices {
        #expect(registry.find(names[first]) === items[first])
        #expect(registry.find(names[second]) === items[second])
        #expect(registry.find("other") == nil && registry.find("") == nil)
      }
    }
  }

  @Test func whatIsRemovedIsNotFoundAndNotKept() throws {
    weak var old: Item?
    do {
      let item = try make("a")
      old = item
      #expect(registry.find("a") === item)
    }
    registry.remove(Name(unchecked: "a"))
    #expect(registry.find("a") == nil)
    #expect(old == nil)
    let new = try make("a")
    #expect(registry.find("a") === new)
  }

  @Test func whatIsBeingMadeIsFoundOnceItIsPublished() throws {
    let name = try registry.reserve(Name("a"))
    #expect(registry.find("a") == nil)
    let item = Item()
    registry.publish(item, as: name)
    #expect(registry.find("a") === item)
  }
}
