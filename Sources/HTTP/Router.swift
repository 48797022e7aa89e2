import Glibc

/// The table of routes as a tree of path segments. Built once, then read by every loop.
///
/// It lies flat in memory that Swift does not count references to: a look-up is a few comparisons of bytes.
final class Router: @unchecked Sendable {
  // Sendable: the memory is written by `init` alone.
  let routes: [Route]
  let count: Int
  /// The same as `routes`.
  let rows: UnsafeMutablePointer<Route>
  private let nodes: UnsafeMutablePointer<Node>
  private let children: UnsafeMutablePointer<Child>
  private let names: UnsafeMutableRawPointer
  private let allows: [String]

  /// What there is at a path, whatever the method.
  struct Node {
    /// Where its literal children are.
    fileprivate var firstChild: Int32 = 0
    fileprivate var childCount: Int32 = 0
    fileprivate var parameter: Int32 = -1
    /// An index into `routes` for each method, -1 where there is none.
    fileprivate var table: (Int32, Int32, Int32, Int32, Int32, Int32, Int32) = (-1, -1, -1, -1, -1, -1, -1)
    fileprivate var index: Int32 = 0
    fileprivate var hasRoutes = false
    /// Whether everybody may know that it is there.
    fileprivate(set) var isOpen = false

    func route(for method: Method) -> Int? {
      let index = withUnsafeBytes(of: table) {
        $0.load(fromByteOffset: Int(method.rawValue) * MemoryLayout<Int32>.size, as: Int32.self)
      }
      return index < 0 ? nil : Int(index)
    }
  }

  fileprivate struct Child {
    /// Where its name is.
    let start: Int32
    let count: Int16
    let first: UInt8
    let node: Int32
  }

  init(_ routes: [Route]) {
    self.routes = routes
    count = routes.count
    rows = .allocate(capacity: Swift.max(count, 1))
    for (index, route) in routes.enumerated() {
      precondition(route.path.count { $0 == "{" } <= PathParameters.limit, "too many parameters: \(route.path)")
      (rows + index).initialize(to: route)
    }
    var flat = Flat()
    flat.add(Draft(routes), routes)
    nodes = copy(flat.nodes)
    children = copy(flat.children)
    names = UnsafeMutableRawPointer(copy(flat.names))
    allows = flat.allows
  }

  deinit {
    rows.deinitialize(count: count)
    rows.deallocate()
    free(nodes)
    free(children)
    free(names)
  }

  /// The methods that a path has, as in the header `Allow`.
  func allow(_ node: Node) -> String { allows[Int(node.index)] }

  /// Finds a path that passed the gate; the ranges of its parameters are added to `parameters`.
  func find(_ path: UnsafeRawBufferPointer, _ parameters: inout PathParameters) -> Node? {
    guard path.count > 1, let bytes = path.baseAddress else { return nil }
    return find(bytes, path.count, from: 0, in: nodes, &parameters).map { $0.pointee }
  }

  /// Literal names come before parameters; where they lead nowhere the parameter is tried.
  private func find(
    _ path: UnsafeRawPointer, _ count: Int, from start: Int, in node: UnsafePointer<Node>,
    _ parameters: inout PathParameters
  ) -> UnsafePointer<Node>? {
    guard start < count else { return node.pointee.hasRoutes ? node : nil }
    // The slash is at `start`; a slash at the very end leaves an empty segment, which nothing is called.
    let segment = path + start + 1
    let rest = count - start - 1
    guard rest > 0 else { return nil }
    let length = memchr(segment, CInt(UInt8(ascii: "/")), rest).map { UnsafeRawPointer($0) - segment } ?? rest
    guard length > 0 else { return nil }
    let end = start + 1 + length
    let first = segment.load(as: UInt8.self)
    let below = children + Int(node.pointee.firstChild)
    for index in 0..<Int(node.pointee.childCount) {
      let child = below[index]
      guard Int(child.count) == length, child.first == first, memcmp(names + Int(child.start), segment, length) == 0
      else { continue }
      if let found = find(path, count, from: end, in: nodes + Int(child.node), &parameters) { return found }
    }
    guard node.pointee.parameter >= 0 else { return nil }
    parameters.append(start + 1..<end)
    if let found = find(path, count, from: end, in: nodes + Int(node.pointee.parameter), &parameters) { return found }
    parameters.removeLast()
    return nil
  }
}

/// A node while the tree is built.
private final class Draft {
  var literals: [String: Draft] = [:]
  var parameter: Draft?
  var routes: [Method: Int] = [:]

  init() {}

  convenience init(_ routes: [Route]) {
    self.init()
    for (index, route) in routes.enumerated() {
      var node = self
      for segment in route.path.split(separator: "/") { node = node.child(String(segment)) }
      precondition(node.routes[route.method] == nil, "two routes for \(route.method.name) \(route.path)")
      node.routes[route.method] = index
    }
  }

  private func child(_ segment: String) -> Draft {
    let child = (segment.first == "{" ? parameter : literals[segment]) ?? Draft()
    if segment.first == "{" { parameter = child } else { literals[segment] = child }
    return child
  }
}

/// The tree as it is laid out.
private struct Flat {
  var nodes: [Router.Node] = []
  var children: [Router.Child] = []
  var names: [UInt8] = []
  var allows: [String] = []

  @discardableResult
  mutating func add(_ draft: Draft, _ routes: [Route]) -> Int32 {
    let index = nodes.count
    var node = Router.Node()
    var found = draft.routes
    if let get = found[.get], found[.head] == nil { found[.head] = get }
    withUnsafeMutableBytes(of: &node.table) { table in
      let table = table.bindMemory(to: Int32.self)
      for (method, route) in found { table[Int(method.rawValue)] = Int32(route) }
    }
    node.index = Int32(index)
    node.hasRoutes = !found.isEmpty
    node.isOpen = found.values.contains { routes[$0].access == .open }
    nodes.append(node)
    allows.append(Method.allCases.filter { found[$0] != nil }.map(\.name).joined(separator: ", "))

    let below = draft.literals.sorted { $0.key < $1.key }.map { ($0.key, add($0.value, routes)) }
    if let parameter = draft.parameter { nodes[index].parameter = add(parameter, routes) }
    nodes[index].firstChild = Int32(children.count)
    nodes[index].childCount = Int32(below.count)
    for (name, node) in below {
      children.append(
        Router.Child(start: Int32(names.count), count: Int16(name.utf8.count), first: name.utf8.first ?? 0, node: node))
      names += Array(name.utf8)
    }
    return Int32(index)
  }
}

/// Memory of its own for an array of plain values.
private func copy<Element: BitwiseCopyable>(_ array: [Element]) -> UnsafeMutablePointer<Element> {
  guard let memory = malloc(Swift.max(array.count, 1) * MemoryLayout<Element>.stride) else {
    preconditionFailure("no memory")
  }
  let start = memory.bindMemory(to: Element.self, capacity: array.count)
  array.withUnsafeBufferPointer { source in
    if let first = source.baseAddress { start.initialize(from: first, count: array.count) }
  }
  return start
}
