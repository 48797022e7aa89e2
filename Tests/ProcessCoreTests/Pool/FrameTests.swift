import Linux
import Testing

@testable import ProcessCore

@Suite struct FrameTests {
  private struct Taken: Equatable {
    let head: String
    let body: String?
  }

  private static func bytes(_ frames: [(head: String, body: String)]) -> [UInt8] {
    frames.flatMap { frame in
      Frame(head: Bytes(frame.head), body: [ByteSlice(Bytes(frame.body))]).pieces.flatMap { Array($0.buffer) }
    }
  }

  /// Reads as a channel does: into the reader's own memory when it has some.
  private static func read(_ bytes: [UInt8], by step: Int, limit: Int = 1 << 20) throws -> [Taken] {
    var reader = FrameReader(bodyLimit: limit)
    var taken: [Taken] = []
    var at = 0
    while at < bytes.count {
      let end = min(at + step, bytes.count)
      let take: (UnsafeRawBufferPointer, Bytes?) -> Void = {
        taken.append(Taken(head: String(decoding: $0, as: UTF8.self), body: $1?.text))
      }
      if let destination = reader.destination {
        let count = min(destination.count, end - at)
        destination.copyBytes(from: bytes[at..<at + count])
        reader.filled(count, take)
        at += count
      } else {
        try bytes[at..<end].withUnsafeBytes { try reader.feed($0, take) }
        at = end
      }
    }
    return taken
  }

  @Test(arguments: [1, 2, 3, 7, 8, 9, 64, 1000, 65536, 1 << 20])
  func framesComeWholeHoweverTheyAreCut(_ step: Int) throws {
    let large = String(repeating: "x", count: 200_000)
    let frames = [("a", ""), ("", "b"), ("head", "body"), ("big", large), ("", ""), ("last", "one")]
    let taken = try Self.read(Self.bytes(frames), by: step)
    #expect(taken == frames.map { Taken(head: $0.0, body: $0.1) })
  }

  @Test(arguments: [1, 100, 65536])
  func aBodyThatIsTooLongIsDroppedAndTheNextFrameIsRead(_ step: Int) throws {
    let frames = [("big", String(repeating: "x", count: 5000)), ("next", "small")]
    let taken = try Self.read(Self.bytes(frames), by: step, limit: 4096)
    #expect(taken == [Taken(head: "big", body: nil), Taken(head: "next", body: "small")])
  }

  @Test func aHeadThatIsTooLongIsNoFrame() throws {
    #expect(throws: FrameReader.Failure.self) { try Self.read([0, 1, 0, 1, 0, 0, 0, 0, 1], by: 9) }
  }

  @Test func largeBodiesAreNotCopied() {
    let body = Bytes(count: 1 << 20)
    let frame = Frame(head: Bytes("h"), body: [ByteSlice(body)])
    #expect(frame.pieces.count == 2)
    #expect(frame.pieces[1].start == UnsafeRawPointer(body.start))
  }
}
