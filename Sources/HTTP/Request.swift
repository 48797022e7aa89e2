public import Linux

/// A request that passed the gate.
///
/// It lives on the loop that read it and is valid until the handler returns: what outlives the handler copies what it
/// needs, or keeps `body`. Nothing here builds a String unless asked for one.
public final class Request {
  public let method: Method
  /// The target as it came, query included. Its path has no percent escapes.
  let target: Bytes
  let pathCount: Int
  /// Whose authority the request has.
  public internal(set) var caller: Caller = .nobody
  /// The whole body; empty when there is none.
  public internal(set) var body: Bytes = .empty
  /// The parameters after `?`.
  public internal(set) var query = Query()
  /// Where in `target` the path's parameters are, in the order of the route's `{…}`.
  var parameters: [Range<Int>] = []
  var headers: any HeaderFields

  public init(method: Method, target: Bytes, headers: any HeaderFields) {
    self.method = method
    self.target = target
    self.headers = headers
    pathCount = target.buffer.firstIndex(of: UInt8(ascii: "?")) ?? target.count
  }

  /// The bytes of the path's parameter at `index`.
  public func parameter(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: target.buffer[parameters[index]])
  }

  /// The path as it came, without the query.
  public var path: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: target.buffer[..<pathCount]) }

  /// A promise to answer this request later: the handler returns it as `.parked`.
  public func park() -> Reply { Reply() }

  /// The value of a header, nil when absent. `name` in lower case.
  public func header(_ name: String) -> String? { headers.value(name) }
}

/// Where a request's header fields come from: the connection, or a test.
public protocol HeaderFields {
  func value(_ lowercaseName: String) -> String?
}
