import HTTP
import JSONCodec
import Linux
import ProcessCore

/// What the operations on arrays and on values have in common.
extension LockedArray {
  /// Does something once the lock lets it. Out of time is `TimeoutError`.
  func answer<T: Sendable>(
    _ request: Request, _ commons: Commons, until deadline: Deadline?,
    _ operation: @escaping @Sendable (SharedArray) throws(CoreError) -> T,
    _ render: @escaping @Sendable (T) -> Response
  ) throws(Problem) -> Answer {
    let session = try request.session(commons)
    return try request.wait { orPark throws(CoreError) in
      try access(for: session, until: deadline, operation, orPark: orPark)
    } _: { result throws(Problem) in
      guard let result else { throw Problem(CoreError(.timedOut, "another held the lock")) }
      return render(result)
    }
  }

  func read(_ index: Int, _ request: Request, _ commons: Commons) throws(Problem) -> Answer {
    try answer(request, commons, until: request.deadline()) { array throws(CoreError) in
      try array.get(index)
    } _: {
      $0.response()
    }
  }

  /// The item that a document `{"value": …}` has.
  private func value(of request: Request) throws(Problem) -> Item {
    let fields = try request.fields(wide: true)
    let item = fields.item("value", array.code)
    try fields.check()
    guard let item else { throw .missing }
    return item
  }

  func write(_ index: Int, _ request: Request, _ commons: Commons) throws(Problem) -> Answer {
    let item = try value(of: request)
    return try answer(request, commons, until: request.deadline()) { array throws(CoreError) in
      try array.set(index, to: item)
      return try array.get(index)
    } _: {
      $0.response()
    }
  }

  /// Answers with the new value and the one before.
  func add(_ index: Int, _ request: Request, _ commons: Commons) throws(Problem) -> Answer {
    let item = try value(of: request)
    return try answer(request, commons, until: request.deadline()) { array throws(CoreError) in
      try array.add(index, item)
    } _: { change in
      var text = ItemsText()
      text.write("{\"value\":")
      text.write(change.new)
      text.write(",\"previous\":")
      text.write(change.old)
      text.write("}")
      return text.response()
    }
  }

  func compareExchange(_ index: Int, _ request: Request, _ commons: Commons) throws(Problem) -> Answer {
    let fields = try request.fields(wide: true)
    let expected = fields.item("expected", array.code)
    let desired = fields.item("desired", array.code)
    try fields.check()
    guard let expected, let desired else { throw .missing }
    return try answer(request, commons, until: request.deadline()) { array throws(CoreError) in
      try array.compareExchange(index, expected: expected, desired: desired)
    } _: { outcome in
      var text = ItemsText()
      text.write("{\"exchanged\":")
      text.write(outcome.exchanged)
      text.write(",\"previous\":")
      text.write(outcome.old)
      text.write("}")
      return text.response()
    }
  }

  func write(to object: borrowing JSON) {
    object.set("typecode", array.code.rawValue)
    object.set("length", array.count)
    object.set("itemsize", array.code.size)
    object.set("nbytes", array.memory.byteCount)
    object.set("shm_name", array.memory.name)
    object.set("path", array.memory.path)
    object.set("linked", array.memory.isLinked)
    object.set("lock", lock?.name.text)
  }
}

extension Fields {
  func typeCode() -> TypeCode? { choice("typecode", of: TypeCode.self, required: true) }

  /// `lock`: true for one of its own, false for none, or a lock's name.
  func lockChoice() -> LockChoice? {
    switch kind("lock") {
    case .absent, .null:
      ignore("lock")
      return .own
    case .string: return resourceName("lock").map { .named($0) }
    case .bool: return bool("lock") == true ? .own : nil
    default:
      fail("lock", "must be true, false or a lock's name")
      return nil
    }
  }
}
