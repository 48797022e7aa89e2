/// Something that the first loop does beside its requests: when `descriptor` is readable it calls `run`, which must not block.
///
/// What `run` answers is sent in the same turn, without waking anybody.
public struct Guest: Sendable {
  public let descriptor: CInt
  public let run: @Sendable () -> Void

  public init(descriptor: CInt, run: @escaping @Sendable () -> Void) {
    self.descriptor = descriptor
    self.run = run
  }
}
