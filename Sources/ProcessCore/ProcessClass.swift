public import Linux

/// A named template of processes: what inheriting from `multiprocessing.Process` is in Python.
public final class ProcessClass: Sendable {
  public let name: Name
  public let template: ProcessTemplate
  public let createdAt = WallTime.now

  init(_ name: Name, _ template: ProcessTemplate) {
    self.name = name
    self.template = template
  }
}

extension ProcessManager {
  /// Makes a class. The one that it extends must be there, so that there can be no cycle.
  public func createClass(_ name: Name?, _ template: ProcessTemplate) throws(CoreError) -> ProcessClass {
    if let parent = template.parent {
      if parent == name { throw CoreError(.invalid(pointer: "/extends"), "a class cannot extend itself") }
      _ = try lineage(parent, pointer: "/extends")
    }
    let name = try classes.reserve(name)
    let made = ProcessClass(name, template)
    classes.publish(made, as: name)
    log.publish("class.created", name)
    return made
  }

  /// Forgets a class. Processes made from it keep what they have; one that others extend stays.
  public func deleteClass(_ old: ProcessClass) throws(CoreError) {
    if let heir = classes.all.first(where: { $0.template.parent == old.name }) {
      throw CoreError(.inUse, "the class '\(heir.name)' extends it")
    }
    guard classes.remove(old.name) != nil else { throw CoreError(.notFound, "the class was deleted") }
    log.publish("class.deleted", old.name)
  }

  /// The template with all that its classes give, and defaults for what none of them does.
  public func resolve(_ template: ProcessTemplate) throws(CoreError) -> ProcessSpec {
    guard let parent = template.parent else { return try template.resolved(className: nil) }
    let base = try lineage(parent, pointer: "/class").reversed().reduce(ProcessTemplate()) {
      $1.template.merged(onto: $0)
    }
    return try template.merged(onto: base).resolved(className: parent)
  }

  /// The class and those that it extends, nearest first.
  private func lineage(_ name: Name, pointer: String) throws(CoreError) -> [ProcessClass] {
    var found: [ProcessClass] = []
    var next: Name? = name
    while let name = next {
      guard let ancestor = classes.find(name.text) else {
        throw CoreError(.invalid(pointer: pointer), "there is no class '\(name)'")
      }
      guard !found.contains(where: { $0.name == name }) else {
        throw CoreError(.invalid(pointer: pointer), "the class '\(name)' extends itself")
      }
      found.append(ancestor)
      next = ancestor.template.parent
    }
    return found
  }
}
