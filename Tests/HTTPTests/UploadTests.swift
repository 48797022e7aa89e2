import CLinux
import Glibc
import Linux
import Testing

@testable import HTTP

@Suite struct UploadTests {
  /// Takes as many bytes as it is allowed to, and answers how many there were.
  final class Sink: BodySink {
    private struct State {
      var allowance: Int
      var taken: [UInt8] = []
      var largest = 0
      var wake: (@Sendable () -> Void)?
      var failure: Problem?
    }

    private let state: Linux.Mutex<State>
    let cancels = Atomic(0)

    init(allowance: Int = .max) { state = Mutex(State(allowance: allowance)) }

    var taken: [UInt8] { state.withLock { $0.taken } }
    var largest: Int { state.withLock { $0.largest } }
    var isHeldUp: Bool { state.withLock { $0.wake != nil } }

    func write(_ data: UnsafeRawBufferPointer, wake: @escaping @Sendable () -> Void) throws(Problem) -> Int {
      let result = state.withLock { state -> Result<Int, Problem> in
        if let failure = state.failure { return .failure(failure) }
        let count = Swift.min(data.count, state.allowance)
        state.taken += data[..<count]
        state.largest = Swift.max(state.largest, data.count)
        if state.allowance != .max { state.allowance -= count }
        if count < data.count { state.wake = wake }
        return .success(count)
      }
      return try result.get()
    }

    func finish() throws(Problem) -> Answer { .now(.text("\(taken.count)")) }

    func cancel() { cancels.add(1, ordering: .relaxed) }

    func allow(_ more: Int) {
      let wake = state.withLock { state in
        state.allowance += more
        return state.wake.take()
      }
      wake?()
    }

    func fail() { state.withLock { $0.failure = Problem(409, "Closed", "it takes no more") } }
  }

  private static func server(_ sink: Sink, _ options: ServerOptions = .init()) throws -> TestServer {
    try TestServer(
      [
        Route(.put, "/v1/data", "put", body: .stream) { request throws(Problem) in
          if request.contentLength == 7 { throw Problem(422, "ValueError", "seven bytes are no length") }
          return .upload(sink)
        },
        Route(.get, "/v1/now", "now") { _ in .now(.text("now")) },
      ], options)
  }

  private static func head(_ headers: String) -> String {
    TestServer.head("PUT /v1/data", headers + "Content-Type: application/octet-stream\r\n")
  }

  @Test func aBodyComesInPiecesAndWhole() throws {
    let sink = Sink()
    let server = try Self.server(sink)
    let client = try server.connect()
    let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    client.send(Self.head("Content-Length: \(body.count)\r\n"))
    client.send(body)
    #expect(client.response()?.text == "3000000")
    #expect(sink.taken == body)
    #expect(sink.largest < 100_000, "it was never whole in memory")
    #expect(sink.cancels.load(ordering: .relaxed) == 0)
    client.send(TestServer.head("GET /v1/now"))
    #expect(client.response()?.text == "now", "the connection is still good")
  }

  @Test func chunksAreBytesToo() throws {
    let sink = Sink()
    let server = try Self.server(sink)
    let client = try server.connect()
    client.send(Self.head("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    #expect(client.response()?.text == "11")
    #expect(String(decoding: sink.taken, as: UTF8.self) == "hello world")
  }

  @Test func aBodyOfNoBytesIsFinished() throws {
    let server = try Self.server(Sink())
    #expect(try server.request("PUT /v1/data", "Content-Length: 0\r\n")?.text == "0")
    #expect(try server.request("PUT /v1/data")?.text == "0")
  }

  @Test func theClientIsHeldUpAndNotTheService() throws {
    let sink = Sink(allowance: 10)
    let server = try Self.server(sink)
    let client = try server.connect()
    let body = [UInt8](repeating: 65, count: 100_000)
    client.send(Self.head("Content-Length: \(body.count)\r\n"))
    client.send(body)
    #expect(eventually { sink.isHeldUp })
    #expect(try server.request("GET /v1/now")?.text == "now")
    for step in 1...9 {
      sink.allow(10_000)
      #expect(eventually { sink.taken.count == 10 + step * 10_000 && sink.isHeldUp })
    }
    sink.allow(10_000)
    #expect(client.response()?.text == "100000")
  }

  @Test func whatTheHandlerRefusesIsAnsweredBeforeTheBody() throws {
    let sink = Sink()
    let server = try Self.server(sink)
    let client = try server.connect()
    client.send(Self.head("Content-Length: 7\r\nExpect: 100-continue\r\n"))
    #expect(client.response()?.status == 422)
    #expect(sink.cancels.load(ordering: .relaxed) == 0)
  }

  @Test func whatTheSinkRefusesIsAnsweredAfterTheBody() throws {
    let sink = Sink(allowance: 10)
    let server = try Self.server(sink)
    let client = try server.connect()
    client.send(Self.head("Content-Length: 1000000\r\n"))
    client.send([UInt8](repeating: 65, count: 1000))
    #expect(eventually { sink.isHeldUp })
    sink.fail()
    sink.allow(1)
    client.send([UInt8](repeating: 65, count: 999_000))
    let response = client.response()
    #expect(response?.status == 409)
    #expect(sink.cancels.load(ordering: .relaxed) == 1)
    #expect(sink.taken.count == 10)
  }

  @Test(arguments: [false, true]) func aClientThatGoesCancelsIt(whileHeldUp: Bool) throws {
    let sink = Sink(allowance: whileHeldUp ? 10 : .max)
    let server = try Self.server(sink)
    do {
      let client = try server.connect()
      client.send(Self.head("Content-Length: 1000\r\n"))
      client.send([UInt8](repeating: 65, count: 500))
      #expect(eventually { whileHeldUp ? sink.isHeldUp : sink.taken.count == 500 })
    }
    #expect(eventually(seconds: 2) { sink.cancels.load(ordering: .relaxed) == 1 })
    #expect(eventually(seconds: 2) { server.server.metrics.snapshot().connections == 0 })
  }

  @Test func aDrainEndsIt() throws {
    let sink = Sink(allowance: 10)
    let server = try Self.server(sink)
    let client = try server.connect()
    client.send(Self.head("Content-Length: 1000\r\n"))
    client.send([UInt8](repeating: 65, count: 1000))
    #expect(eventually { sink.isHeldUp })
    server.server.drain()
    #expect(client.response()?.status == 503)
    #expect(sink.cancels.load(ordering: .relaxed) == 1)
  }

  @Test func aSlowClientIsCutOff() throws {
    var options = ServerOptions()
    options.bodyTimeout = 0.3
    options.tick = 20
    let server = try Self.server(Sink(), options)
    let client = try server.connect()
    client.send(Self.head("Content-Length: 1000\r\n"))
    client.send("some")
    #expect(client.isClosed(within: 5))
  }
}

@Suite struct FileBodyTests {
  private final class Owner: Sendable {}

  @Test func aFileIsSentFromItsDescriptor() throws {
    let file = FileDescriptor(owning: clinux_memfd("file"))
    let text = Array("0123456789".utf8)
    #expect(write(file.raw, text, 10) == 10)
    let fd = file.raw
    let server = try TestServer([
      Route(.get, "/v1/part", "part") { _ in
        .now(Response(206, contentType: "text/plain", .file(fd, owner: Owner(), offset: 2, count: 5)))
      },
      Route(.get, "/v1/short", "short") { _ in
        .now(Response(200, contentType: "text/plain", .file(fd, owner: Owner(), offset: 8, count: 5)))
      },
    ])
    let part = try server.request("GET /v1/part")
    #expect(part?.text == "23456")
    #expect(part?["content-length"] == "5")
    let client = try server.connect()
    client.send(TestServer.head("GET /v1/short"))
    let start = Deadline.now
    let short = String(decoding: client.read(), as: UTF8.self)
    #expect(Deadline.now.nanoseconds - start.nanoseconds < 5_000_000_000, "it is closed, not left to the reaper")
    #expect(short.hasSuffix("89") && !short.contains("890"), "it is cut, and not filled up")
    withExtendedLifetime(file) {}
  }

  @Test func aFileMayBeCutWhileItIsSent() throws {
    let file = FileDescriptor(owning: clinux_memfd("file"))
    let fd = file.raw
    let server = try TestServer([
      Route(.get, "/v1/file", "file") { _ in
        .now(Response(200, contentType: "text/plain", .file(fd, owner: Owner(), offset: 0, count: 64 << 20)))
      }
    ])
    for left in [0, 1000, 30_000_000] as [off_t] {
      #expect(ftruncate(fd, 64 << 20) == 0)
      let client = try server.connect()
      client.send(TestServer.head("GET /v1/file"))
      #expect(!client.read { !$0.isEmpty }.isEmpty)
      #expect(ftruncate(fd, left) == 0)
      #expect(client.isClosed(within: 5))
    }
    withExtendedLifetime(file) {}
  }

  /// sendfile(2) cannot be told to raise no SIGPIPE, which ends a process that does not expect it.
  @Test func aClientMayLeaveInTheMiddle() throws {
    let file = FileDescriptor(owning: clinux_memfd("file"))
    #expect(ftruncate(file.raw, 64 << 20) == 0)
    let fd = file.raw
    let sending = Atomic(0)
    let server = try TestServer([
      Route(.get, "/v1/file", "file") { _ in
        var response = Response(200, contentType: "text/plain", .file(fd, owner: Owner(), offset: 0, count: 64 << 20))
        response.onUndelivered = { sending.add(1, ordering: .relaxed) }
        return .now(response)
      }
    ])
    for round in 1...20 {
      var client: RawClient? = try server.connect()
      client?.send(TestServer.head("GET /v1/file"))
      #expect(client?.read { !$0.isEmpty }.isEmpty == false)
      client = nil
      #expect(eventually { sending.load(ordering: .relaxed) == round })
    }
    withExtendedLifetime(file) {}
  }
}
