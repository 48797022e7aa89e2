import HTTP
import JSONCodec
import Linux
import ProcessCore

/// What a client hands in to a pool.
struct TaskInput {
  let call: Call
  let input: JobInput
  /// Names of queues that the outcome is put into.
  let callback: String?
  let errorCallback: String?

  enum OnError: String, CaseIterable {
    case `raise`, collect
  }

  init(
    _ request: Request, _ operation: Call.Operation, for pool: Pool, in commons: Commons, isStreamed: Bool = false,
    isListed: Bool = false
  ) throws(Problem) {
    let isCall = operation == .apply
    let document =
      isCall
      ? try SplitDocument(request, own: ["func", "args", "kwds"])
      : try SplitDocument(request, own: ["func", "iterable"], list: "iterable")
    let fields = document.fields
    let function = try Self.function(document)
    var call = Call(operation, function.name, json: function.json)
    call.timeout = fields.number("timeout", in: 0.001...1e9)
    call.retries = fields.integer("retries", in: 0...1_000_000) ?? 0
    call.backoff = fields.number("backoff", in: 0...86400) ?? 0
    for name in isListed ? [] : ["callback", "error_callback"] {
      fields.reject(name, "is for apply_async, map_async and starmap_async")
    }
    callback = fields.string("callback")
    errorCallback = fields.string("error_callback")
    if function.name.isEmpty { fields.fail("func", "must not be empty") }
    if isCall {
      let args = document.array("args")
      let keywords = document.object("kwds")
      try fields.check()
      input = .call([Self.before, args ?? Self.noArgs, Self.between, keywords ?? Self.noKeywords, Self.after])
    } else {
      call.stopsOnError = !isStreamed && fields.choice("on_error", of: OnError.self) != .collect
      let chunk = fields.integer("chunksize", in: 1...Int.max)
      if document.own("iterable") == nil { fields.fail("iterable", "is required") }
      let isFed = isStreamed && document.own("iterable").map(Self.isStream) == true
      let arrays = operation == .map && !isStreamed ? ArrayInput(document, for: pool) : nil
      if !isFed, arrays?.isMeant != true { _ = document.array("iterable") }
      try fields.check()
      if let map = try arrays?.map(in: commons) {
        call.arrays = map
        input = .array(map, chunk: chunk)
      } else if isFed {
        input = .fed(chunk: chunk ?? 1)
      } else {
        input = .items(document.items ?? ItemList(.empty), chunk: isStreamed ? chunk ?? 1 : chunk)
      }
    }
    self.call = call
  }

  /// `{"stream": true}`: the items are handed in by and by.
  private static func isStream(_ value: ByteSlice) -> Bool {
    guard let fields = try? Fields(value.buffer) else { return false }
    return fields.bool("stream") == true && (try? fields.finish()) != nil
  }

  /// The name, and its JSON as the client wrote it.
  private static func function(_ document: SplitDocument) throws(Problem) -> (name: String, json: ByteSlice) {
    guard let json = document.own("func") else { throw .invalid([.init("/func", "is required")]) }
    let text = Array(#"{"func":"#.utf8) + Array(json.buffer) + [UInt8(ascii: "}")]
    let name: String? = try text.withUnsafeBytes { text in
      Result { () throws(Problem) -> String? in
        guard let fields = try? Fields(text) else { return nil }
        let name = fields.string("func", required: true)
        try fields.check()
        return name
      }
    }.get()
    guard let name else { throw .invalid([.init("/func", "must be a string")]) }
    return (name, json)
  }

  private static let before = ByteSlice(Bytes(#"{"args":"#))
  private static let noArgs = ByteSlice(Bytes("[]"))
  private static let between = ByteSlice(Bytes(#","kwds":"#))
  private static let noKeywords = ByteSlice(Bytes("{}"))
  private static let after = ByteSlice(Bytes("}"))
}
