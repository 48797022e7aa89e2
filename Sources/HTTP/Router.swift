/// The table of routes as a tree of path segments. Built once, then read by every loop.
final class Router: Sendable {
  let routes: [Route]
  private let root: Node

  init(_ routes: [Route]) {
    self.routes = routes
    let root = Draft()
    for (index, route) in routes.enumerated() {
      var node = root
      for segment in route.path.split(separator: "/", omittingEmptySubsequences: true) {
        if segment.first == "{" {
          node.parameter = node.parameter ?? Draft()
          node = node.parameter ?? node
        } else {
          let child = node.literals[String(segment)] ?? Draft()
          node.literals[String(segment)] = child
          node = child
        }
      }
      precondition(node.routes[route.method] == nil, "two routes for \(route.method.name) \(route.path)")
      node.routes[route.method] = index
    }
    self.root = Node(root, routes)
  }

  /// What there is at a path, whatever the method.
  final class Node: Sendable {
    private let literals: [(name: [UInt8], node: Node)]
    private let parameter: Node?
    /// An index into `routes` for each method, -1 where there is none.
    private let table: [Int32]
    /// The methods, as in the header `Allow`.
    let allow: String
    /// Whether everybody may know that it is there.
    let isOpen: Bool
    let hasRoutes: Bool

    fileprivate init(_ draft: Draft, _ routes: [Route]) {
      literals = draft.literals.sorted { $0.key < $1.key }.map { (Array($0.key.utf8), Node($0.value, routes)) }
      parameter = draft.parameter.map { Node($0, routes) }
      var found = draft.routes
      if let get = found[.get], found[.head] == nil { found[.head] = get }
      table = Method.allCases.map { Int32(found[$0] ?? -1) }
      allow = Method.allCases.filter { found[$0] != nil }.map(\.name).joined(separator: ", ")
      isOpen = found.values.contains { routes[$0].access == .open }
      hasRoutes = !found.isEmpty
    }

    func route(for method: Method) -> Int? {
      let index = table[Int(method.rawValue)]
      return index < 0 ? nil : Int(index)
    }

    /// Literal names come before parameters; where they lead nowhere the parameter is tried.
    fileprivate func find(
      _ path: UnsafeRawBufferPointer, from start: Int, _ parameters: inout [Range<Int>]
    ) -> Node? {
      guard start < path.count else { return hasRoutes ? self : nil }
      var end = start + 1
      while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
      // The slash is at `start`; a slash at the very end leaves an empty segment, which nothing is called.
      let segment = path.slice(start + 1..<end)
      guard !segment.isEmpty else { return nil }
      for (name, node) in literals where name.count == segment.count {
        if name.withUnsafeBytes({ segment.equals($0) }), let found = node.find(path, from: end, &parameters) {
          return found
        }
      }
      guard let parameter else { return nil }
      parameters.append(start + 1..<end)
      if let found = parameter.find(path, from: end, &parameters) { return found }
      parameters.removeLast()
      return nil
    }
  }

  /// Finds a path that passed the gate; the ranges of its parameters are added to `parameters`.
  func find(_ path: UnsafeRawBufferPointer, _ parameters: inout [Range<Int>]) -> Node? {
    path.count == 1 ? nil : root.find(path, from: 0, &parameters)
  }
}

/// A node while the tree is built.
private final class Draft {
  var literals: [String: Draft] = [:]
  var parameter: Draft?
  var routes: [Method: Int] = [:]
}
