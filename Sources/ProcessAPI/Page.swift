import HTTP
import JSONCodec
import Linux
import ProcessCore

/// What part of a list a client asks for.
struct Page {
  let prefix: String
  let cursor: UInt64
  let limit: Int

  /// One page as `{"items": […], "next": cursor or null}`.
  func response<Item: Sendable>(
    _ registry: Registry<Item>, where isWanted: (Item) -> Bool, json: (Item) -> JSON
  ) -> Response {
    let (found, next) = registry.page(after: cursor, limit: limit) { name, item in
      name.text.utf8.starts(with: prefix.utf8) && isWanted(item)
    }
    let items = JSON.array()
    for item in found { items.append(json(item)) }
    let object = JSON.object()
    object.set("items", items)
    object.set("next", next.map { String($0) })
    return .json(object.dump())
  }
}

extension Parameters {
  /// `prefix`, `limit` and `cursor`.
  mutating func page() -> Page {
    let cursor = text("cursor")
    if let cursor, UInt64(cursor) == nil { let _: Int? = fail("cursor", "must be the `next` of an earlier page") }
    return Page(
      prefix: text("prefix") ?? "", cursor: cursor.flatMap { UInt64($0) } ?? 0,
      limit: integer("limit", in: 1...1000) ?? 100)
  }

  /// `label=NAME=VALUE`.
  mutating func label() -> ProcessSpec.Label? {
    guard let text = text("label") else { return nil }
    guard let separator = text.firstIndex(of: "=") else { return fail("label", "must be NAME=VALUE") }
    return ProcessSpec.Label(String(text[..<separator]), String(text[text.index(after: separator)...]))
  }
}

extension Request {
  /// For operations that take none: an unknown parameter is an error and not a wish that nobody reads.
  func noParameters() throws(Problem) {
    if hasQuery { try Parameters(self).finish() }
  }

  /// Where a client was that reconnects; browsers send it by themselves. No larger than what JSON's integers may be here.
  func lastEventID() throws(Problem) -> UInt64? {
    guard let header = header("last-event-id") else { return nil }
    guard let id = Int(header), id >= 0 else { throw .invalid([.init("Last-Event-ID", "must be the id of an event")]) }
    return UInt64(id)
  }

  /// A path parameter that is to be a new resource's name.
  func name(_ index: Int) throws(Problem) -> Name {
    guard let name = Name(String(decoding: parameter(index), as: UTF8.self)) else {
      throw .invalid([.init("/name", "must be \(Name.rule)")])
    }
    return name
  }
}
