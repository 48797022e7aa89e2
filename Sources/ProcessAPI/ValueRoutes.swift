import HTTP
import JSONCodec
import Linux
import ProcessCore

/// `/v1/values`: Python's `multiprocessing.Value`, in shared memory that local programs map.
struct ValueRoutes: ResourceRoutes {
  let commons: Commons
  var resources: Resources<SynchronizedValue> { commons.values }

  var hasItems: Bool { true }

  var verbs: [Route] {
    let path = "/v1/values/{name}"
    return [
      Route(.get, path + "/value", "readValue") { request throws(Problem) in
        try named(request).read(0, request, commons)
      },
      Route(.put, path + "/value", "writeValue", body: .document) { request throws(Problem) in
        try named(request).write(0, request, commons)
      },
      Route(.post, path + "/value/add", "addToValue", body: .document) { request throws(Problem) in
        try named(request).add(0, request, commons)
      },
      Route(.post, path + "/value/compare_exchange", "compareExchangeValue", body: .document) {
        request throws(Problem) in
        try named(request).compareExchange(0, request, commons)
      },
      Route(.get, path + "/data", "readValueData") { request throws(Problem) in
        try named(request).array.memory.read(request)
      },
      Route(.put, path + "/data", "writeValueData", body: .stream) { request throws(Problem) in
        try named(request).array.memory.write(request)
      },
    ]
  }

  func maker(_ name: Name?, _ settings: LockedArray.Settings) -> SharedSpace? {
    commons.space.isReady(for: settings) ? nil : commons.space
  }

  func settings(_ fields: Fields, _ request: Request) throws(Problem) -> LockedArray.Settings {
    let code = fields.typeCode() ?? .byte
    let lock = fields.lockChoice()
    guard fields.isGiven("value") else { return LockedArray.Settings(code, count: 1, lock: lock) }
    guard let value = fields.item("value", code) else { return LockedArray.Settings(code, count: 1, lock: lock) }
    do throws(CoreError) {
      return LockedArray.Settings(try Items(code, [value], pointer: "/value"), lock: lock)
    } catch {
      fields.fail("value", error.detail)
      return LockedArray.Settings(code, count: 1, lock: lock)
    }
  }

  func write(_ value: SynchronizedValue, to object: borrowing JSON) { value.locked.write(to: object) }

  private func named(_ request: Request) throws(Problem) -> LockedArray {
    guard let value = commons.value(request.parameter(0)) else { throw .notFound("value") }
    return value.locked
  }
}
