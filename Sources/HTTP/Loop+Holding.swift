import CMicroHTTPDHooks

/// Responses of a busy turn, which are sent at its end.
extension Loop {
  /// Sends them now, and tells those whose response was lost.
  func settle() {
    let areLost = cmhd_send_held() > 0
    for connection in held { connection.settle(isLost: areLost && cmhd_is_lost(connection.fd)) }
    held.removeAll(keepingCapacity: true)
    cmhd_forget_held()
  }
}

extension Connection {
  /// Larger ones cost more to copy than a call does.
  private static let largestHeld = 2048
  /// What the kernel has room for on any connection, and what it needs beside the bytes of a response.
  private static let room = 16384
  private static let overhead = 1024

  /// Whether a response of `count` bytes without its head is to be held back; nil: nobody knows yet how many they are.
  func hold(_ count: Int?, matters: Bool) -> Bool {
    let isBusy = cmhd_is_busy()
    guard let count else {
      unacknowledged = .max / 2
      return false
    }
    unacknowledged += count + Self.overhead
    guard isBusy, count <= Self.largestHeld, origin == .network, hasRoom(for: count) else { return false }
    if cmhd_hold(fd, count, matters) { return true }
    loop.settle()
    return cmhd_hold(fd, count, matters)
  }

  /// A client that sends request upon request and reads no response fills the kernel.
  private func hasRoom(for count: Int) -> Bool {
    if unacknowledged <= Self.room { return true }
    guard cmhd_is_drained(fd) else { return false }
    unacknowledged = count + Self.overhead
    return true
  }

  /// The response was sent, or lost.
  func settle(isLost: Bool) {
    isHeld = false
    guard let onUndelivered else { return }
    self.onUndelivered = nil
    if isLost { onUndelivered() }
  }
}
