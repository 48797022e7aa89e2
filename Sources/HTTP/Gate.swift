/// What a request must be before anything else looks at it: HTTP as this service accepts it, sent by somebody who is not
/// a page in a browser. libmicrohttpd lets most of what is refused here pass.
final class Gate: Sendable {
  private let hosts: [[UInt8]]
  private let origins: [[UInt8]]

  init(hosts: [String], origins: [String]) {
    self.hosts = (["localhost", "127.0.0.1", "[::1]"] + hosts).map { Array($0.lowercased().utf8) }
    self.origins = origins.map { Array($0.utf8) }
  }

  /// Judges a request's head; the query is judged by `Query.parse`, credentials and body by the route.
  ///
  /// `isWhole` is false when the library cut the target at a NUL.
  func check(
    method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer, isWhole: Bool = true,
    version: UnsafeRawBufferPointer, fields: HeaderScan, isUnix: Bool
  ) throws(Problem) -> Method {
    let isOld = version.equals("HTTP/1.0")
    guard isOld || version.equals("HTTP/1.1") else {
      throw Gate.versionNotSupported
    }
    guard let known = Method(method) else {
      if method.equals("CONNECT") { throw Gate.notAllowed("CONNECT is for proxies.") }
      throw Problem(501, "UnknownMethod", "The request's method is not one that the service knows.")
    }
    try checkTarget(target, isWhole: isWhole)
    if let fault = fields.fault { throw fault.problem }
    if fields.isChunked, fields.contentLength != nil || isOld {
      throw Problem(
        400, "MalformedHeader",
        isOld ? "HTTP/1.0 has no Transfer-Encoding." : "Both Content-Length and Transfer-Encoding.")
    }
    try checkHost(fields.host, isOptional: isUnix && isOld, isUnix: isUnix)
    if let origin = fields.origin, !origins.contains(where: { $0.elementsEqual(origin) }) {
      throw Problem(403, "ForeignOrigin", "Pages of this Origin may not call the service.")
    }
    if fields.isCrossSite {
      throw Problem(403, "ForeignOrigin", "Pages of other sites may not call the service.")
    }
    return known
  }

  private func checkTarget(_ target: UnsafeRawBufferPointer, isWhole: Bool) throws(Problem) {
    guard target.count <= HeadLimits.target else { throw Gate.targetTooLong }
    guard isWhole else { throw Gate.malformedPath("The request's target has a NUL byte.") }
    if target.equals("*") { throw Gate.notAllowed("The target `*` has no operations.") }
    guard target.first == UInt8(ascii: "/") else {
      throw Gate.malformedPath("The request's target must begin with `/`.")
    }
    var segment = 1
    var index = 1
    while true {
      let byte = index < target.count ? target[index] : UInt8(ascii: "?")
      if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") {
        let name = target.slice(segment..<index)
        if name.equals(".") || name.equals("..") || (name.isEmpty && byte == UInt8(ascii: "/")) {
          throw Gate.malformedPath("The path has a segment that is empty, `.` or `..`.")
        }
        if byte == UInt8(ascii: "?") { return }
        segment = index + 1
      } else if !ByteClass.isPath(byte) {
        throw Gate.malformedPath("The path may have letters, digits and `._~-` between its slashes, nothing else.")
      }
      index += 1
    }
  }

  private func checkHost(_ host: UnsafeRawBufferPointer?, isOptional: Bool, isUnix: Bool) throws(Problem) {
    guard let host else {
      if isOptional { return }
      throw Problem(400, "MalformedHeader", "The request has no Host.")
    }
    var name = host
    if let colon = host.lastIndex(of: UInt8(ascii: ":")), host.last != UInt8(ascii: "]") {
      guard host.slice(colon + 1..<host.count).allSatisfy(ByteClass.isDigit) else { throw Gate.malformedHost() }
      name = host.slice(0..<colon)
    }
    if name.equals("127.0.0.1") || name.equals("localhost") { return }
    guard !name.isEmpty, name.allSatisfy(Gate.isHost) else { throw Gate.malformedHost() }
    if isUnix { return }
    let isKnown = hosts.contains { known in
      known.count == name.count && zip(known, name).allSatisfy { $0 == ($1 &- 0x41 < 26 ? $1 | 0x20 : $1) }
    }
    // Else a page whose name its owner points at this machine could call the service (DNS rebinding).
    guard isKnown else { throw Problem(403, "ForeignHost", "The service does not go by the name that Host gives.") }
  }

  private static func isHost(_ byte: UInt8) -> Bool {
    ByteClass.isPath(byte) && byte != UInt8(ascii: "/") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]")
      || byte == UInt8(ascii: ":")
  }

  static let targetTooLong = Problem(414, "TargetTooLong", "A request's target has at most 2 KiB.")
  static let versionNotSupported = Problem(
    505, "VersionNotSupported", "The service speaks HTTP/1.1 and HTTP/1.0.")

  private static func malformedHost() -> Problem { Problem(400, "MalformedHeader", "Host is not a name and a port.") }
  private static func malformedPath(_ detail: String) -> Problem { Problem(400, "MalformedPath", detail) }

  private static func notAllowed(_ detail: String) -> Problem {
    var problem = Problem(405, "MethodNotAllowed", detail)
    problem.headers.append(("Allow", ""))
    return problem
  }
}

extension Method {
  /// Of the bytes on the wire; methods are case-sensitive.
  init?(_ name: UnsafeRawBufferPointer) {
    switch name.count {
    case 3 where name.equals("GET"): self = .get
    case 3 where name.equals("PUT"): self = .put
    case 4 where name.equals("POST"): self = .post
    case 4 where name.equals("HEAD"): self = .head
    case 5 where name.equals("PATCH"): self = .patch
    case 6 where name.equals("DELETE"): self = .delete
    case 7 where name.equals("OPTIONS"): self = .options
    default: return nil
    }
  }
}
