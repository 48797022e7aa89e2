import CMicroHTTPD
import Glibc
public import Linux

/// A request that passed the gate.
///
/// It lives on the loop that read it and is valid until the handler returns: what outlives the handler copies what it
/// needs, or keeps `body`. Nothing here builds a String unless asked for one.
public final class Request {
  // The public properties are computed, so that this module alone reads and writes what is behind them, unchecked.

  public var method: Method { verb }
  /// Whose authority the request has.
  public var caller: Caller { sender }
  /// The whole body; empty when there is none.
  public var body: Bytes { document ?? .empty }
  /// The parameters after `?`.
  public var query: Query { parsedQuery }

  var verb = Method.get
  var sender = Caller.nobody
  var document: Bytes?
  var parsedQuery = Query()
  /// The target as it came, query included. Its path has no percent escapes once it passed the gate.
  private(set) var target = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var pathCount = 0
  /// Where in `target` the path's parameters are, in the order of the route's `{…}`.
  var parameters = PathParameters()
  /// The library's connection while the handler runs.
  var raw: OpaquePointer?
  /// The target where the library would edit it or free it too early.
  private var copy: Bytes?
  /// Where the library has the target, to see whether it was cut.
  private var address: UInt = 0
  /// The header fields of a request that came by no connection.
  private var given: [String: String] = [:]

  init() {}

  /// A request that comes by no connection and passes no gate, for calling a handler directly. Names of headers in lower
  /// case.
  public init(_ method: Method, _ target: String, headers: [String: String] = [:], body: Bytes? = nil, caller: Caller) {
    let bytes = Bytes(target)
    verb = method
    sender = caller
    document = body
    given = headers
    copy = bytes
    self.target = bytes.buffer
    pathCount = bytes.buffer.firstIndex(of: UInt8(ascii: "?")) ?? bytes.count
  }

  /// The library keeps the request line until the request is over, and edits a target with a query or with percent
  /// escapes.
  func begin(_ text: UnsafePointer<CChar>) {
    address = UInt(bitPattern: text)
    target = UnsafeRawBufferPointer(start: text, count: strlen(text))
    pathCount = target.count
    sender = .nobody
    parameters = PathParameters()
    if copy != nil { copy = nil }
    if !parsedQuery.isEmpty { parsedQuery = Query() }
    var isEdited = false
    var index = 0
    while index < target.count {
      if target[index] == UInt8(ascii: "?") {
        isEdited = true
        pathCount = index
        break
      }
      if target[index] == UInt8(ascii: "%") { isEdited = true }
      index += 1
    }
    if isEdited { keep() }
    if pathCount < target.count { Self.hideQuery(in: text, after: pathCount) }
  }

  /// Lets the library find no parameters. It would take a field of the connection's memory for each of them, and where that
  /// is used up it answers nothing and leaves the connection until the reaper comes. The memory is its own read buffer,
  /// whose query it is about to edit in any case.
  private static func hideQuery(in text: UnsafePointer<CChar>, after pathCount: Int) {
    UnsafeMutablePointer(mutating: text)[pathCount + 1] = 0
  }

  /// Makes the target its own.
  func keep() {
    guard copy == nil else { return }
    let bytes = Bytes(copying: target)
    copy = bytes
    target = bytes.buffer
  }

  /// Whether the target ends where the version begins: else there was a NUL in it.
  func isWhole(before version: UnsafePointer<CChar>) -> Bool {
    UInt(bitPattern: version) == address + UInt(target.count) + 1
  }

  /// The handler is done with it, and what is left may ask for its target only.
  func letGo() {
    if document != nil { document = nil }
  }

  /// The bytes of the path's parameter at `index`.
  public func parameter(_ index: Int) -> UnsafeRawBufferPointer { target.slice(parameters[index]) }

  /// The path as it came, without the query.
  public var path: UnsafeRawBufferPointer { target.slice(0..<pathCount) }

  /// A promise to answer this request later: the handler returns it as `.parked`.
  public func park() -> Reply { Reply() }

  /// The value of a header, nil when absent. `name` in lower case.
  public func header(_ name: String) -> String? {
    guard let raw else { return given[name] }
    return MHD_lookup_connection_value(raw, .HEADER_KIND, name).map { String(cString: $0) }
  }
}

/// Where a path's parameters are.
struct PathParameters {
  /// The most that a route may have.
  static let limit = 4

  private var places = InlineArray<4, Range<Int>>(repeating: 0..<0)
  private(set) var count = 0

  subscript(_ index: Int) -> Range<Int> {
    precondition(index < count, "a path has no such parameter")
    return places[index]
  }

  mutating func append(_ range: Range<Int>) {
    places[count] = range
    count += 1
  }

  mutating func removeLast() { count -= 1 }
}
