import HTTP
import JSONCodec
import Linux
import ProcessCore

/// What a client says of the shared arrays of a map: `iterable: {"array": NAME}`, `result: {"array": NAME}` and `vectorized`.
struct ArrayInput {
  /// Whether the iterable is an object, as no list of items is.
  let isMeant: Bool
  private let iterable: String?
  private let result: String?
  private let isVectorized: Bool

  /// Errors go to the document's fields.
  init(_ document: SplitDocument, for pool: Pool) {
    let fields = document.fields
    let value = document.own("iterable")
    isMeant = value?.buffer.first == UInt8(ascii: "{")
    iterable = isMeant ? value.flatMap { Self.name($0) } : nil
    if isMeant, iterable == nil { fields.fail("iterable", "must be an array or {\"array\": NAME}") }
    let place = fields.object("result")
    result = place?.string("array", required: true)
    isVectorized = fields.bool("vectorized") ?? false
    if isMeant {
      if pool.settings.worker == .exec { fields.fail("iterable", "programs that run for one task map no array") }
    } else {
      let why = "is for an iterable that is {\"array\": …}"
      if place != nil { fields.fail("result", why) }
      if isVectorized { fields.fail("vectorized", why) }
    }
  }

  /// The arrays, once the document is right; nil when the iterable is none.
  func map(in commons: Commons) throws(Problem) -> ArrayMap? {
    guard let iterable else { return nil }
    let input = try Self.find(iterable, commons)
    let output = try result.map { name throws(Problem) in try Self.find(name, commons) }
    return try core { () throws(CoreError) in
      try ArrayMap(
        input.locked.array, output: output.map { ($0.name, $0.locked.array) }, isVectorized: isVectorized)
    }
  }

  /// The name in `{"array": NAME}`.
  private static func name(_ value: ByteSlice) -> String? {
    guard let fields = try? Fields(value.buffer) else { return nil }
    let name = fields.string("array", required: true)
    return (try? fields.finish()) == nil ? nil : name
  }

  private static func find(_ name: String, _ commons: Commons) throws(Problem) -> SynchronizedArray {
    guard let array = commons.arrays.registry.find(name) else { throw .notFound("array '\(name)'") }
    return array
  }
}
