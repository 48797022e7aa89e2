import HTTP
import JSONCodec
import Linux
import ProcessCore

/// Messages that are had for a while: `reserve`, `ack`, `nack`, `touch`.
extension QueueRoutes {
  func reserve(_ request: Request) throws(Problem) -> Answer {
    let queue = try named(request)
    let deadline = try request.deadline()
    var lease: Double?
    if request.body.count > 0 {
      let fields = try request.fields()
      lease = fields.lease()
      try fields.check()
    }
    let session = try request.session(commons)
    return try request.wait { orPark throws(CoreError) in
      try queue.reserve(for: session, lease: lease, until: deadline, orPark: orPark)
    } _: { reservation throws(Problem) in
      guard let reservation else { throw Problem(.stayedEmpty) }
      var response = Response.json(reservation.json())
      response.onUndelivered = { queue.putBack(reservation) }
      return response
    }
  }

  func acknowledge(_ request: Request) throws(Problem) -> Answer {
    let (call, _) = try receipt(request) { _ in }
    try core { () throws(CoreError) in try call.queue.acknowledge(call.receipt, for: call.session) }
    return .prepared(.noContent)
  }

  func giveBack(_ request: Request) throws(Problem) -> Answer {
    let (call, delay) = try receipt(request) { $0.number("delay", in: 0...86400) }
    try core { () throws(CoreError) in
      try call.queue.giveBack(call.receipt, for: call.session, delay: delay ?? 0)
    }
    return .prepared(.noContent)
  }

  func touch(_ request: Request) throws(Problem) -> Answer {
    let (call, lease) = try receipt(request) { $0.lease() }
    try core { () throws(CoreError) in try call.queue.touch(call.receipt, for: call.session, lease: lease) }
    return .prepared(.noContent)
  }
}

extension QueueRoutes {
  private struct ReceiptCall {
    let queue: Queue
    let receipt: UInt64
    let session: Session?
  }

  /// What the operations on a receipt have in common, and what `read` finds beside it.
  private func receipt<T>(_ request: Request, _ read: (Fields) -> T) throws(Problem) -> (ReceiptCall, T) {
    try request.noParameters()
    let queue = try named(request)
    let fields = try request.fields()
    let text = fields.string("receipt", required: true)
    let receipt = text.flatMap { $0.utf8.count == 16 ? UInt64($0, radix: 16) : nil }
    if text != nil, receipt == nil { fields.fail("receipt", "must be a receipt that reserve gave") }
    let more = read(fields)
    try fields.check()
    return (ReceiptCall(queue: queue, receipt: receipt ?? 0, session: try request.session(commons)), more)
  }
}

extension Fields {
  /// Seconds that something is had for.
  func lease() -> Double? { number("lease", in: 0.001...86400) }
}

extension Reservation {
  /// As it is answered. JSON is in it as it came, everything else as base64.
  fileprivate func json() -> Bytes {
    let object = JSON.object()
    object.set("receipt", receiptText)
    object.set("deliveries", message.deliveries)
    object.set("content_type", message.type.text)
    let head = object.dump()
    let payload = message.bytes
    let isJSON = message.type.form == .json
    let size = isJSON ? payload.count : base64Size(payload.count) + 2
    let name: StaticString = isJSON ? ",\"value\":" : ",\"base64\":"

    let bytes = Bytes(count: head.count + name.utf8CodeUnitCount + size)
    var writer = Writer(bytes.start)
    writer.write(UnsafeRawBufferPointer(rebasing: head.buffer.dropLast()))
    writer.write(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    if isJSON {
      writer.write(payload.buffer)
    } else {
      writer.write(byte: UInt8(ascii: "\""))
      writeBase64(payload.buffer, to: &writer)
      writer.write(byte: UInt8(ascii: "\""))
    }
    writer.write(byte: UInt8(ascii: "}"))
    return bytes
  }

  private var receiptText: String {
    let digits = String(receipt, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
