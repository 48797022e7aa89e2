import JSONCodec
import Linux
import ProcessCore

/// The worker protocol's JSON.
struct PoolCodec: WorkerCodec {
  let pythonProgram = embeddedPythonWorker().text

  func hello(_ settings: Pool.Settings, pool: Name, worker: Name) -> (head: Bytes, body: Bytes) {
    let head = JSON.object()
    head.set("type", "hello")
    head.set("protocol", 1)
    head.set("pool", pool.text)
    head.set("worker", worker.text)
    head.set("initializer", settings.initializer)
    var body = #"{"initargs":"# + (settings.initargs ?? "[]")
    if case .python(_, let path, let source) = settings.worker {
      let more = JSON.object()
      more.set("source", source)
      more.set("path", path)
      body += "," + more.dump().text.dropFirst().dropLast()
    }
    return (head.dump(), Bytes(body + "}"))
  }

  func task(_ id: UInt64, _ call: Call, items: Range<Int>) -> Bytes {
    var head = TextBuffer(capacity: 160 + call.functionJSON.count)
    head.append(#"{"type":"task","id":"#)
    head.append(Int(id))
    switch call.operation {
    case _ where call.arrays != nil: head.append(#","op":"map_array","func":"#)
    case .apply: head.append(#","op":"apply","func":"#)
    case .map: head.append(#","op":"map","func":"#)
    case .starmap: head.append(#","op":"starmap","func":"#)
    }
    head.append(call.functionJSON.buffer)
    if let arrays = call.arrays {
      head.append(#","start":"#)
      head.append(items.lowerBound)
      head.append(#","stop":"#)
      head.append(items.upperBound)
      head.append(arrays.isVectorized ? #","vectorized":true,"input":"# : #","vectorized":false,"input":"#)
      head.append(arrays.input.text)
      head.append(#","output":"#)
      head.append(arrays.output?.text ?? "null")
    } else if call.operation != .apply {
      head.append(#","count":"#)
      head.append(items.count)
      head.append(call.stopsOnError ? #","stop_on_error":true"# : #","stop_on_error":false"#)
    }
    head.append("}")
    return head.finish()
  }

  func cancel(_ id: UInt64) -> Bytes { Bytes(#"{"type":"cancel","id":\#(id)}"#) }

  private static let exitHead = Bytes(#"{"type":"exit"}"#)
  var exit: Bytes { Self.exitHead }

  func message(_ head: UnsafeRawBufferPointer) -> WorkerMessage? {
    var type: Range<Int>?
    var id: Int?
    var next: Int?
    var version: Int?
    var isArray = false
    do throws(JSONError) {
      try JSONParts.members(of: head) { member in
        let value = head[member.value]
        switch member.name.count {
        case 4 where head[member.name].elementsEqual("type".utf8): type = member.value
        case 2 where head[member.name].elementsEqual("id".utf8): id = number(value)
        case 4 where head[member.name].elementsEqual("next".utf8): next = number(value)
        case 6 where head[member.name].elementsEqual("values".utf8): isArray = value.elementsEqual("true".utf8)
        case 8 where head[member.name].elementsEqual("protocol".utf8): version = number(value)
        default: break
        }
      }
    } catch { return nil }
    guard let type else { return nil }
    func isType(_ word: StaticString) -> Bool {
      let word = UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
      return type.count == word.count + 2 && head[type].dropFirst().dropLast().elementsEqual(word)
    }
    if isType("result") { return id.map { .result(UInt64($0), next: next.map { UInt64($0) }, isArray: isArray) } }
    if isType("started") { return id.map { .started(UInt64($0)) } }
    if isType("progress") { return id.map { .progress(UInt64($0)) } }
    if isType("ready") { return version.map { .ready(version: $0) } }
    return isType("failed") ? .failed : nil
  }

  func lines(_ body: UnsafeRawBufferPointer) -> [ResultLine]? {
    var lines: [ResultLine] = []
    var start = 0
    while start < body.count {
      let end = body.index(of: UInt8(ascii: "\n"), from: start)
      guard let line = line(body, start..<end) else { return nil }
      lines.append(line)
      start = end + 1
    }
    return lines
  }

  func values(_ body: UnsafeRawBufferPointer) -> [Range<Int>]? {
    guard body.index(of: UInt8(ascii: "\n"), from: 0) == body.count else { return nil }
    var places: [Range<Int>] = []
    do throws(JSONError) { try JSONParts.items(of: body) { places.append($0) } } catch { return nil }
    return places
  }

  private func line(_ body: UnsafeRawBufferPointer, _ range: Range<Int>) -> ResultLine? {
    let text = UnsafeRawBufferPointer(rebasing: body[range])
    var found: JSONParts.Member?
    var count = 0
    do throws(JSONError) {
      try JSONParts.members(of: text) { member in
        found = member
        count += 1
      }
    } catch { return nil }
    guard let found, count == 1, found.name.count == 5 else { return nil }
    let isError = text[found.name].elementsEqual("error".utf8)
    guard isError || text[found.name].elementsEqual("value".utf8) else { return nil }
    if isError, text[found.value.lowerBound] != UInt8(ascii: "{") { return nil }
    let value = range.lowerBound + found.value.lowerBound..<range.lowerBound + found.value.upperBound
    return ResultLine(isError: isError, line: range, value: value)
  }

  func isValue(_ body: UnsafeRawBufferPointer) -> Bool {
    guard (try? JSONValidator.validate(body)) != nil else { return false }
    return body.index(of: UInt8(ascii: "\n"), from: 0) == body.count
  }
}

extension ArrayMap.Place {
  fileprivate var text: String {
    let place = JSON.object()
    place.set("path", path)
    place.set("typecode", code.rawValue)
    place.set("length", count)
    return place.dump().text
  }
}

/// A number that is a count; nil when it is anything else.
private func number(_ text: Slice<UnsafeRawBufferPointer>) -> Int? {
  guard text.count < 19 else { return nil }
  var number = 0
  for byte in text {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
    number = number * 10 + Int(byte - UInt8(ascii: "0"))
  }
  return number
}
