import Linux

/// The limits that every request is given, in nanoseconds.
struct Limits: Sendable {
  let header: UInt64
  let idle: UInt64
  let leastIdle: UInt64
  let body: UInt64
  let bodyPerByte: UInt64
  let read: UInt64
  private let readPerByte: UInt64
  /// nil: a request may wait as long as it takes.
  let wait: UInt64?

  init(_ options: ServerOptions) {
    header = nanoseconds(options.headerTimeout)
    idle = nanoseconds(options.idleTimeout)
    leastIdle = nanoseconds(options.leastIdle)
    body = nanoseconds(options.bodyTimeout)
    bodyPerByte = nanoseconds(1 / options.bodyRate)
    read = nanoseconds(options.readTimeout)
    readPerByte = nanoseconds(1 / options.readRate)
    wait = options.maxWait.map(nanoseconds)
  }

  /// What the client has for reading `count` bytes.
  func reading(_ count: Int) -> UInt64 {
    let (time, overflow) = readPerByte.multipliedReportingOverflow(by: UInt64(count))
    return overflow ? .max : read.addingReportingOverflow(time).overflow ? .max : read + time
  }
}

private func nanoseconds(_ seconds: Double) -> UInt64 {
  Deadline(nanoseconds: 0).advanced(seconds: seconds).nanoseconds
}
