import Glibc
public import Linux

/// What goes through a queue: the bytes that somebody put, and what they said that these are.
public struct Message: Sendable {
  public internal(set) var bytes: Bytes
  public internal(set) var type: ContentType
  /// How often it was given to somebody before.
  public let deliveries: Int

  public init(_ bytes: consuming Bytes, _ type: ContentType = .binary) {
    self.init(bytes, type, deliveries: 0)
  }

  init(_ bytes: consuming Bytes, _ type: ContentType, deliveries: Int) {
    self.bytes = bytes
    self.type = type
    self.deliveries = deliveries
  }

  /// The same after one more delivery that came to nothing.
  consuming func returned() -> Message {
    let deliveries = self.deliveries + 1
    let (bytes, type) = parts()
    return Message(bytes, type, deliveries: deliveries)
  }

  /// What it is made of, and nothing of it is left: the bytes may then be held by nobody else.
  consuming func parts() -> (Bytes, ContentType) { (bytes, type) }

  /// What it counts for in limits of bytes.
  var cost: Int { Self.cost(bytes.count, type) }

  /// The payload, its type, and about what it takes to keep them.
  static func cost(_ count: Int, _ type: ContentType) -> Int { count + type.text.utf8.count + 64 }
}

/// A media type as a client wrote it; many messages share one.
public final class ContentType: Sendable {
  public enum Form: Sendable {
    /// One JSON value.
    case json
    /// JSON values, one to a line.
    case jsonLines
    case other
  }

  public let text: String
  public let form: Form

  public init(_ text: String) {
    self.text = text
    let essence = text.prefix { $0 != ";" }.lowercased().trimmed
    form =
      essence == "application/json" || essence.hasSuffix("+json")
      ? .json : essence == "application/x-ndjson" ? .jsonLines : .other
  }

  public static let json = ContentType("application/json")
  public static let binary = ContentType("application/octet-stream")
  public static let jsonLines = ContentType("application/x-ndjson")

  static let plain = ContentType("text/plain")
  private static let text = ContentType("text/plain; charset=utf-8")
  private static let form = ContentType("application/x-www-form-urlencoded")

  /// One that many clients send, found without building a String; else nil.
  public static func common(_ bytes: UnsafeRawBufferPointer) -> ContentType? {
    func isWritten(_ text: StaticString) -> Bool {
      bytes.baseAddress.map { memcmp($0, text.utf8Start, text.utf8CodeUnitCount) == 0 } ?? false
    }
    switch bytes.count {
    case 10 where isWritten("text/plain"): return plain
    case 16 where isWritten("application/json"): return json
    case 20 where isWritten("application/x-ndjson"): return jsonLines
    case 24 where isWritten("application/octet-stream"): return binary
    case 25 where isWritten("text/plain; charset=utf-8"): return text
    case 33 where isWritten("application/x-www-form-urlencoded"): return form
    default: return nil
    }
  }
}

extension String {
  fileprivate var trimmed: Substring {
    var text = self[...]
    while text.last == " " || text.last == "\t" { text.removeLast() }
    while text.first == " " || text.first == "\t" { text.removeFirst() }
    return text
  }
}
