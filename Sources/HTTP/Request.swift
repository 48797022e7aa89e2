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
  /// How long the body is; nil when it comes in chunks, or there is none.
  public var contentLength: Int? { length }
  /// The parameters after `?`.
  public var query: Query { parsedQuery }
  /// Whether it has any, without a copy.
  public var hasQuery: Bool { !parsedQuery.isEmpty }

  var verb = Method.get
  var sender = Caller.nobody
  var document: Bytes?
  var parsedQuery = Query()
  var length: Int?
  /// The target as it came, query included. Its path has no percent escapes once it passed the gate.
  private(set) var target = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var pathCount = 0
  /// Where in `target` the path's parameters are, in the order of the route's `{…}`.
  var parameters = PathParameters()
  /// The library's connection while the handler runs.
  var raw: OpaquePointer?
  var scannedType: UnsafeRawBufferPointer?
  var scannedSession: UnsafeRawBufferPointer?
  /// The target where the library would edit it or free it too early.
  private var copy: Bytes?
  /// Where the library has the target, to see whether it was cut.
  private var address: UInt = 0
  /// The header fields of a request that came by no connection.
  private var given: [String: Bytes] = [:]

  init() {}

  /// A request that comes by no connection and passes no gate, for calling a handler directly. Names of headers in lower
  /// case.
  public init(_ method: Method, _ target: String, headers: [String: String] = [:], body: Bytes? = nil, caller: Caller) {
    let bytes = Bytes(target)
    verb = method
    sender = caller
    document = body
    given = headers.mapValues { Bytes($0) }
    length = body?.count
    copy = bytes
    self.target = bytes.buffer
    pathCount = bytes.buffer.firstIndex(of: UInt8(ascii: "?")) ?? bytes.count
  }

  /// The library keeps the request line until the request is over, and edits a target with a query.
  func begin(_ text: UnsafePointer<CChar>) {
    address = UInt(bitPattern: text)
    target = UnsafeRawBufferPointer(start: text, count: strlen(text))
    pathCount = target.count
    sender = .nobody
    length = nil
    parameters = PathParameters()
    if copy != nil { copy = nil }
    if !parsedQuery.isEmpty { parsedQuery = Query() }
    guard let mark = memchr(text, CInt(UInt8(ascii: "?")), target.count) else { return }
    pathCount = UnsafeRawPointer(text).distance(to: mark)
    keep()
    Self.hideQuery(in: text, after: pathCount)
  }

  /// Lets the library find no parameters. It would take a field of the connection's memory for each of them, and where that
  /// is used up it answers nothing and leaves the connection until the reaper comes. The memory is its own read buffer,
  /// whose query it is about to edit in any case.
  private static func hideQuery(in text: UnsafePointer<CChar>, after pathCount: Int) {
    UnsafeMutablePointer(mutating: text)[pathCount + 1] = 0
  }

  /// Whether the body is JSON's `null`.
  var isNull: Bool {
    guard let document, document.count >= 4, document.count < 16 else { return false }
    let words = document.buffer.split { $0 == 0x20 || $0 == 9 || $0 == 10 || $0 == 13 }
    return words.count == 1 && words[0].elementsEqual("null".utf8)
  }

  var targetHasQuery: Bool { pathCount < target.count }

  var isTooLong: Bool { target.count > HeadLimits.target }

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

  /// The body for whoever keeps it: the request has none from then on.
  public func takeBody() -> Bytes { document.take() ?? .empty }

  /// A promise to answer this request later: the handler returns it as `.parked`.
  public func park() -> Reply { Reply() }

  /// The header `Content-Type` as it came, nil when absent; valid while the handler runs.
  public var contentType: UnsafeRawBufferPointer? { raw == nil ? given["content-type"]?.buffer : scannedType }

  /// The header `Procession-Session` in the same way.
  public var sessionName: UnsafeRawBufferPointer? {
    raw == nil ? given["procession-session"]?.buffer : scannedSession
  }

  /// The value of a header, nil when absent. `name` in lower case.
  public func header(_ name: StaticString) -> String? { headerBytes(name).map { String(decoding: $0, as: UTF8.self) } }

  /// The same as it came; valid while the request is.
  public func headerBytes(_ name: StaticString) -> UnsafeRawBufferPointer? {
    guard let raw else { return given["\(name)"]?.buffer }
    var value: UnsafePointer<CChar>?
    var count = 0
    let isThere = name.withUTF8Buffer { utf8 in
      utf8.withMemoryRebound(to: CChar.self) { name in
        MHD_lookup_connection_value_n(raw, .HEADER_KIND, name.baseAddress, name.count, &value, &count)
      }
    }
    return isThere == .YES ? UnsafeRawBufferPointer(start: value, count: count) : nil
  }
}

/// Where a path's parameters are.
struct PathParameters {
  /// The most that a route may have.
  static let limit = 4

  // A target that passed the gate is short.
  private var places = InlineArray<4, Range<UInt16>>(repeating: 0..<0)
  private(set) var count = 0

  subscript(_ index: Int) -> Range<Int> {
    precondition(index < count, "a path has no such parameter")
    return Int(places[index].lowerBound)..<Int(places[index].upperBound)
  }

  mutating func append(_ range: Range<Int>) {
    places[count] = UInt16(range.lowerBound)..<UInt16(range.upperBound)
    count += 1
  }

  mutating func removeLast() { count -= 1 }
}
