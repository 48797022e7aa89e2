import Glibc

/// One pass over a request's header fields, which keeps where the few are that the gate decides on.
///
/// The addresses are the connection's: good until the request is over.
struct HeaderScan {
  private(set) var host: UnsafeRawBufferPointer?
  private(set) var contentLength: Int?
  private(set) var contentType: UnsafeRawBufferPointer?
  private(set) var authorization: UnsafeRawBufferPointer?
  private(set) var session: UnsafeRawBufferPointer?
  private(set) var isChunked = false
  private(set) var origin: UnsafeRawBufferPointer?
  private(set) var isCrossSite = false
  private(set) var expectsContinue = false
  /// The first field that is wrong.
  private(set) var fault: Fault?
  private var count = 0
  private var bytes = 0
  /// Where the next name must be.
  private var next: UnsafeRawPointer?

  init() {}

  /// Of fields that the library parsed where it read them, behind the version of the request line.
  ///
  /// It keeps their order and place, so what it swallowed, cut or joined shows as a gap: a folded line (whose text it
  /// makes part of a name), a NUL in a value, a line without a name (where it takes the head to be over), a bare LF.
  init(after version: UnsafeRawBufferPointer) { next = version.baseAddress.map { $0 + version.count + 2 } }

  /// Whether the head, which is over at `end`, has nothing but the fields that were added.
  func isWhole(before end: UnsafeRawPointer) -> Bool { next.map { $0 + 2 == end } ?? true }

  /// Whether a body follows, be it of no bytes.
  var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

  mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    guard fault == nil else { return }
    count += 1
    bytes += size(name, value)
    if count > HeadLimits.fields || bytes > HeadLimits.bytes {
      fault = .tooLarge
    } else if let next, next != name.baseAddress {
      fault = .gap
    } else if ByteClass.hasControl(value) {
      fault = .value
    } else if !examine(name, value), name.isEmpty || !name.allSatisfy(ByteClass.isToken) {
      fault = .name
    }
    if next != nil { next = value.baseAddress.map { $0 + value.count + 2 } }
  }

  /// With the white space between them, where the field is as it came.
  private func size(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Int {
    guard next != nil, let start = name.baseAddress, let end = value.baseAddress else {
      return name.count + value.count + 4
    }
    return end - start + value.count + 2
  }

  /// False of a name that does not matter here. Those that do differ in length, but for a few.
  private mutating func examine(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
    switch name.count {
    case 4 where name.equalsIgnoringCase("host"): host = once(host, value)
    case 6 where name.equalsIgnoringCase("origin"): origin = once(origin, value)
    case 6 where name.equalsIgnoringCase("expect"):
      if value.equalsIgnoringCase("100-continue") {
        expectsContinue = true
      } else {
        fault = .expectation
      }
    case 12 where name.equalsIgnoringCase("content-type"): contentType = once(contentType, value)
    case 13 where name.equalsIgnoringCase("authorization"): authorization = once(authorization, value)
    case 14 where name.equalsIgnoringCase("content-length"): addContentLength(value)
    case 14 where name.equalsIgnoringCase("sec-fetch-site"):
      isCrossSite = value.equalsIgnoringCase("cross-site") || value.equalsIgnoringCase("same-site")
    case 16 where name.equalsIgnoringCase("content-encoding"):
      if !value.equalsIgnoringCase("identity") {
        fault = .contentEncoding
      }
    // As the library does, which gives the first of several.
    case 18 where name.equalsIgnoringCase("procession-session"): session = session ?? value
    case 17 where name.equalsIgnoringCase("transfer-encoding"):
      if isChunked {
        fault = .repeated
      } else if value.equalsIgnoringCase("chunked") {
        isChunked = true
      } else {
        fault = .transferEncoding
      }
    default: return false
    }
    return true
  }

  private mutating func once(
    _ field: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer
  ) -> UnsafeRawBufferPointer {
    if field != nil { fault = .repeated }
    return value
  }

  private mutating func addContentLength(_ value: UnsafeRawBufferPointer) {
    if contentLength != nil {
      fault = .repeated
    } else if value.isEmpty || !value.allSatisfy(ByteClass.isDigit) {
      fault = .contentLength
    } else {
      contentLength = value.reduce(0) { length, digit in
        let (tens, overflow) = length.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tens.addingReportingOverflow(Int(digit &- 0x30))
        return overflow || carry ? .max : sum
      }
    }
  }
}

extension HeaderScan {
  /// What is wrong with a field: small, so that a good request does not pay for it.
  enum Fault {
    case tooLarge, gap, name, value, repeated, contentLength, transferEncoding, contentEncoding, expectation

    var problem: Problem {
      switch self {
      case .tooLarge: Problem(431, "HeadersTooLarge", "A request has at most 64 header fields and 8 KiB of them.")
      case .gap: malformed("A header field is folded, has no name or has a NUL, or a line ends without CR.")
      case .name: malformed("The name of a header field is not a token.")
      case .value: malformed("The value of a header field has a control byte.")
      case .repeated: malformed("A header field is given more than once that may be given once.")
      case .contentLength: malformed("Content-Length is not a number.")
      case .transferEncoding:
        Problem(501, "UnsupportedEncoding", "The only Transfer-Encoding that is understood is `chunked`.")
      case .contentEncoding:
        Problem(415, "UnsupportedEncoding", "Bodies are taken as they are, without a Content-Encoding.")
      case .expectation: Problem(417, "ExpectationFailed", "The only expectation that is met is `100-continue`.")
      }
    }

    private func malformed(_ detail: String) -> Problem { Problem(400, "MalformedHeader", detail) }
  }
}
