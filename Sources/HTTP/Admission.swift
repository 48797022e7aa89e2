import CMicroHTTPD
import Glibc
import Linux

/// What the head of a request asks for, and on whose authority: all that is decided by the head alone.
struct Admission {
  var verb = Method.get
  var route = 0
  var parameters = PathParameters()
  var sender = Caller.nobody
  var hasBody = false
  /// Of the body; nil when it comes in chunks, or there is none.
  var length: Int?
  /// The most bytes that the body may have.
  var limit = 0
  /// Where in the head the values of `Content-Type` and `Procession-Session` are.
  var type: Place?
  var session: Place?

  struct Place {
    let start: Int
    let count: Int

    init(_ value: UnsafeRawBufferPointer, in head: UnsafeRawPointer) {
      start = value.baseAddress.map { $0 - head } ?? 0
      count = value.count
    }

    func value(in head: UnsafeRawPointer) -> UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(start: head + start, count: count)
    }
  }
}

extension Connection {
  /// Decides on a request by its head: whether it is HTTP as we accept it, who sends it, what it is for, and whether its
  /// body may come. What is thrown here is answered before any of the body is read, and closes the connection.
  ///
  /// True when a body is to come.
  func admit(method: UnsafePointer<CChar>, version: UnsafePointer<CChar>) throws(Problem) -> Bool {
    let head = UnsafeRawPointer(method)
    if let known = loop.heads.find(head, of: self) { return try apply(known, head) }
    var admission = try judge(method, version)
    loop.heads.note(admission, for: head, cmhd_head_size(raw), of: self)
    return try apply(&admission, head)
  }

  /// `place` is where the admission is, of which nothing is copied that is not asked for.
  private func apply(_ place: UnsafePointer<Admission>, _ head: UnsafeRawPointer) throws(Problem) -> Bool {
    let request = request
    request.verb = place.pointee.verb
    request.parameters = place.pointee.parameters
    request.sender = place.pointee.sender
    request.length = place.pointee.length
    request.scannedType = place.pointee.type?.value(in: head)
    request.scannedSession = place.pointee.session?.value(in: head)
    route = place.pointee.route
    if loop.isDraining, routes[route].access != .open { throw Service.draining }
    deadline = loop.moment(after: limits.body)
    if case .stream = routes[route].body {
      try beginUpload()
    } else if place.pointee.hasBody {
      body = BodyBuffer(expected: place.pointee.length, limit: place.pointee.limit)
    }
    return place.pointee.hasBody
  }

  private func judge(_ method: UnsafePointer<CChar>, _ version: UnsafePointer<CChar>) throws(Problem) -> Admission {
    let service = loop.service
    let target = request.target
    let versionBytes = bytes(version)
    var scan = HeaderScan(after: versionBytes)
    withUnsafeMutablePointer(to: &scan) { scan in
      _ = MHD_get_connection_values_n(raw, .HEADER_KIND, addField, scan)
    }
    let fields = scan
    let head = UnsafeRawPointer(method)
    let verb = try service.gate.check(
      method: bytes(method), target: target, isWhole: request.isWhole(before: version), version: versionBytes,
      fields: fields, isUnix: origin != .network)
    request.verb = verb
    guard fields.isWhole(before: head + cmhd_head_size(raw)) else { throw HeaderScan.Fault.gap.problem }
    if request.targetHasQuery {
      request.parsedQuery = try Query.parse(target.slice(request.pathCount + 1..<target.count))
    }

    var parameters = PathParameters()
    let place = service.router.find(request.path, &parameters)
    let known = authenticate(fields, service)
    if let known {
      request.sender = known
    } else if !(place?.isOpen ?? false) || place?.route(for: verb).map({ routes[$0].access != .open }) ?? false {
      throw Service.unauthorized
    }
    guard let place else { throw Problem(404, "NoSuchPath", "There is no such path.") }
    guard let found = place.route(for: verb) else {
      let allow = service.router.allow(place)
      var problem = Problem(405, "MethodNotAllowed", "The path has \(allow).")
      problem.headers.append(("Allow", allow))
      throw problem
    }
    route = found
    if routes[found].access == .operatorOnly, known != .operator {
      throw Problem(403, "Forbidden", "Only the service's operator may do this.")
    }
    let limit = try routes[found].body.check(
      fields, verb, maxBody: service.options.maxBody, maxMessage: service.options.maxMessage)
    return Admission(
      verb: verb, route: found, parameters: parameters, sender: known ?? .nobody, hasBody: fields.hasBody,
      length: fields.contentLength, limit: limit, type: fields.contentType.map { .init($0, in: head) },
      session: fields.session.map { .init($0, in: head) })
  }

  /// The handler decides before the body comes. Without a body it is called all the same.
  private func beginUpload() throws(Problem) {
    request.raw = raw
    defer { request.raw = nil }
    guard case .upload(let sink) = try routes[route].handler(request) else {
      preconditionFailure("a route whose body is a stream answers with a sink")
    }
    upload = Upload(sink)
  }

  /// Whom the credentials make of the sender; nil without good ones. A token decides where there is one, else, on a
  /// Unix socket, the uid at the other end.
  private func authenticate(_ fields: HeaderScan, _ service: Service) -> Caller? {
    if let value = fields.authorization {
      guard value.count > 7, value.slice(0..<7).equalsIgnoringCase("bearer ") else { return nil }
      return service.tokens.caller(presenting: value.slice(7..<value.count))
    }
    return origin == .owner ? .operator : nil
  }
}

extension BodyRule {
  /// The most bytes that the body may have. Throws when it may not come at all.
  func check(_ fields: HeaderScan, _ method: Method, maxBody: Int, maxMessage: Int) throws(Problem) -> Int {
    let limit: Int
    switch self {
    case .none:
      guard fields.hasBody else { return 0 }
      guard method != .get, method != .head, method != .delete else {
        throw Problem(400, "UnexpectedBody", "A \(method.name) has no body.")
      }
      throw Problem(415, "UnexpectedBody", "The operation takes no body.")
    case .document, .optionalDocument:
      if case .optionalDocument = self, !fields.hasBody { return 0 }
      try BodyRule.checkType(fields.contentType)
      limit = maxBody
    case .payload: limit = maxMessage
    case .stream: return .max
    }
    guard fields.contentLength ?? 0 <= limit else {
      throw Problem(413, "TooLarge", "The body may have at most \(limit) bytes.")
    }
    return limit
  }

  private static func checkType(_ type: UnsafeRawBufferPointer?) throws(Problem) {
    guard let type else {
      throw Problem(415, "UnsupportedMediaType", "The body's Content-Type must be application/json.")
    }
    let end = type.firstIndex(of: UInt8(ascii: ";")) ?? type.count
    let essence = trimmed(type.slice(0..<end))
    if essence.equalsIgnoringCase("application/json") {
      let rest = end < type.count ? trimmed(type.slice(end + 1..<type.count)) : type.slice(0..<0)
      if rest.isEmpty || rest.equalsIgnoringCase("charset=utf-8") || rest.equalsIgnoringCase("charset=\"utf-8\"") {
        return
      }
    }
    if essence.equalsIgnoringCase("application/x-www-form-urlencoded")
      || essence.equalsIgnoringCase("multipart/form-data")
    {
      throw Problem(
        415, "UnsupportedMediaType",
        "Forms are not taken: send JSON with Content-Type application/json (`curl --json`).")
    }
    throw Problem(415, "UnsupportedMediaType", "The body's Content-Type must be application/json, in UTF-8.")
  }

  private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var range = 0..<bytes.count
    while let first = range.first, bytes[first] == 0x20 || bytes[first] == 9 { range = first + 1..<range.upperBound }
    while let last = range.last, bytes[last] == 0x20 || bytes[last] == 9 { range = range.lowerBound..<last }
    return bytes.slice(range)
  }
}

private func bytes(_ text: UnsafePointer<CChar>) -> UnsafeRawBufferPointer {
  UnsafeRawBufferPointer(start: text, count: strlen(text))
}

private func addField(
  _ scan: UnsafeMutableRawPointer?, _: MHD_ValueKind, _ name: UnsafePointer<CChar>?, _ nameCount: Int,
  _ value: UnsafePointer<CChar>?, _ valueCount: Int
) -> MHD_Result {
  scan?.assumingMemoryBound(to: HeaderScan.self).pointee.add(
    UnsafeRawBufferPointer(start: name, count: nameCount), UnsafeRawBufferPointer(start: value, count: valueCount))
  return .YES
}
