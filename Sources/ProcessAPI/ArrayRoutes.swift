import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/arrays`: Python's `multiprocessing.Array`, in shared memory that local programs map.
struct ArrayRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<SynchronizedArray> { commons.arrays }

  var hasItems: Bool { true }

  var verbs: [Route] {
    let path = "/v1/arrays/{name}"
    let item = path + "/items/{index}"
    return [
      Route(.get, path + "/items", "getArrayItems", getItems),
      Route(.put, path + "/items", "putArrayItems", body: .document, putItems),
      Route(.get, item, "getArrayItem") { request throws(Problem) in
        try named(request).read(request.index(), request, commons)
      },
      Route(.put, item, "putArrayItem", body: .document) { request throws(Problem) in
        try named(request).write(request.index(), request, commons)
      },
      Route(.post, item + "/add", "addToArrayItem", body: .document) { request throws(Problem) in
        try named(request).add(request.index(), request, commons)
      },
      Route(.post, item + "/compare_exchange", "compareExchangeArrayItem", body: .document) { request throws(Problem) in
        try named(request).compareExchange(request.index(), request, commons)
      },
      Route(.get, path + "/data", "readArrayData") { request throws(Problem) in
        try named(request).array.memory.read(request)
      },
      Route(.put, path + "/data", "writeArrayData", body: .stream) { request throws(Problem) in
        try named(request).array.memory.write(request)
      },
    ]
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> LockedArray.Settings {
    let code = fields.typeCode() ?? .byte
    let lock = fields.lockChoice()
    let count = fields.integer("length", in: 0...Int.max)
    let initial = fields.items("initial", code)
    if (count == nil) == (initial == nil), !fields.isGiven("initial") || count != nil {
      fields.fail("length", "either length or initial must be given")
    }
    guard let initial else { return LockedArray.Settings(code, count: count ?? 0, lock: lock) }
    return LockedArray.Settings(
      try core { () throws(CoreError) in try Items(code, initial, pointer: "/initial") }, lock: lock)
  }

  /// In the order of their requests: who wants one that is being made waits for it.
  func maker(_ name: Name?, _ settings: LockedArray.Settings) -> SharedSpace? {
    name.map(resources.isBeingMade) ?? false || !commons.space.isReady(for: settings) ? commons.space : nil
  }

  func write(_ array: SynchronizedArray, to object: borrowing JSON) { array.locked.write(to: object) }

  /// `start`, `stop` and `step` as a slice of Python's has them.
  private func getItems(_ request: Request) throws(Problem) -> Answer {
    let array = try named(request)
    let (slice, deadline) = try slice(request)
    guard slice.indices(array.array.count).count <= Self.most else {
      throw Problem(413, "TooLarge", "at most \(Self.most) items are answered as JSON; the rest is in data")
    }
    return try array.answer(request, commons, until: deadline) { array throws(CoreError) in
      try array.get(slice)
    } _: { items in
      var text = ItemsText()
      text.write("{\"values\":")
      text.write(items)
      text.write("}")
      return text.response()
    }
  }

  private func putItems(_ request: Request) throws(Problem) -> Answer {
    let array = try named(request)
    let (slice, deadline) = try slice(request)
    let fields = try request.fields(wide: true)
    let values = fields.items("values", array.array.code)
    if !fields.isGiven("values") { fields.fail("values", "is required") }
    try fields.check()
    let items = try core { () throws(CoreError) in
      try Items(array.array.code, values ?? [], pointer: "/values")
    }
    return try array.answer(request, commons, until: deadline) { array throws(CoreError) in
      try array.set(slice, to: items)
    } _: {
      .noContent
    }
  }

  private static let most = 1_000_000

  private func slice(_ request: Request) throws(Problem) -> (PythonSlice, Deadline?) {
    var parameters = Parameters(request)
    let all = -Int.max...Int.max
    let start = parameters.integer("start", in: all)
    let stop = parameters.integer("stop", in: all)
    let step = parameters.integer("step", in: all)
    let deadline = parameters.deadline()
    try parameters.finish()
    let slice = try core { () throws(CoreError) in
      try PythonSlice(start: start, stop: stop, step: step, pointer: "?step")
    }
    return (slice, deadline)
  }

  private func named(_ request: Request) throws(Problem) -> LockedArray {
    guard let array = commons.array(request.parameter(0)) else { throw .notFound("array") }
    return array.locked
  }
}

extension Request {
  /// The index of an item, which counts from the end when it is negative.
  fileprivate func index() throws(Problem) -> Int {
    guard let index = Int(String(decoding: parameter(1), as: UTF8.self)) else {
      throw .invalid([.init("/index", "must be an integer")])
    }
    return index
  }
}
