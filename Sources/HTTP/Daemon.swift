import CMicroHTTPD
import CMicroHTTPDHooks
import Glibc
import Linux

/// One of a loop's instances of libmicrohttpd. All calls are made by the loop's thread.
///
/// A resume walks all suspended connections of its instance, so a loop has many with few connections each.
final class Daemon {
  unowned let loop: Loop
  private(set) var raw: OpaquePointer?
  var connections = 0
  var isDirty = false

  init?(_ loop: Loop) {
    self.loop = loop
    _ = hooks
    var settings = cmhd_settings(
      context: Unmanaged.passUnretained(self).toOpaque(), log: logLine, begin: beginRequest, handle: handleRequest,
      complete: completeRequest, notify: notifyConnection,
      connection_limit: UInt32(clamping: loop.service.options.maxConnections),
      connection_memory: HeadLimits.connectionMemory)
    guard let raw = cmhd_start(&settings) else { return nil }
    self.raw = raw
  }

  var epoll: CInt { cmhd_epoll_fd(raw) }

  /// True when there is more to do at once.
  func run() -> Bool {
    MHD_run(raw)
    return cmhd_has_more(raw) != 0
  }

  /// Nothing may be suspended.
  func stop() {
    MHD_stop_daemon(raw)
    raw = nil
  }
}

/// Set once, for the process.
private let hooks: Void = cmhd_set_refusal { pointer, status in
  guard let pointer, let status else { return nil }
  return connection(pointer) { $0.refuse(with: &status.pointee) }
}

private func daemon(_ context: UnsafeMutableRawPointer?) -> Daemon? {
  context.map { Unmanaged<Daemon>.fromOpaque($0).takeUnretainedValue() }
}

private func notifyConnection(
  _ context: UnsafeMutableRawPointer?, _ raw: OpaquePointer?, _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
  _ what: MHD_ConnectionNotificationCode
) {
  guard let loop = daemon(context)?.loop, let slot else { return }
  if what == .CONNECTION_NOTIFY_STARTED {
    slot.pointee = loop.started(raw).map { Unmanaged.passRetained($0).toOpaque() }
  } else if let pointer = slot.pointee {
    slot.pointee = nil
    loop.closed(Unmanaged<Connection>.fromOpaque(pointer).takeRetainedValue())
  }
}

/// The connection in a slot of the library's, which holds it until it is closed: no callback need count a reference.
private func connection<Result>(_ pointer: UnsafeMutableRawPointer, _ body: (Connection) -> Result) -> Result {
  Unmanaged<Connection>.fromOpaque(pointer)._withUnsafeGuaranteedRef(body)
}

private func beginRequest(
  _: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?, _ raw: OpaquePointer?
) -> UnsafeMutableRawPointer? {
  guard let target, let pointer = cmhd_socket_context(raw) else { return nil }
  connection(pointer) { $0.begin(target) }
  return pointer
}

private func handleRequest(
  _: UnsafeMutableRawPointer?, _: OpaquePointer?, _: UnsafePointer<CChar>?, _ method: UnsafePointer<CChar>?,
  _ version: UnsafePointer<CChar>?, _ data: UnsafePointer<CChar>?, _ size: UnsafeMutablePointer<Int>?,
  _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
  guard let pointer = slot?.pointee, let method, let version, let size else { return .NO }
  return connection(pointer) { $0.handle(method: method, version: version, data: data, size: size) }
}

private func completeRequest(
  _: UnsafeMutableRawPointer?, _: OpaquePointer?, _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
  _ how: MHD_RequestTerminationCode
) {
  guard let slot, let pointer = slot.pointee else { return }
  slot.pointee = nil
  connection(pointer) { $0.complete(isDelivered: how == .REQUEST_TERMINATED_COMPLETED_OK) }
}

private func logLine(
  _ context: UnsafeMutableRawPointer?, _ format: UnsafePointer<CChar>?, _ arguments: CVaListPointer?
) {
  guard let loop = daemon(context)?.loop, let format, let arguments, !loop.isExpectedComplaint() else { return }
  var line = [CChar](repeating: 0, count: 512)
  cmhd_format(&line, line.count, format, arguments)
  loop.note(String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
}
