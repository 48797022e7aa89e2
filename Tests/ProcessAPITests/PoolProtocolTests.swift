import Testing

/// What workers may say and what they may not, with one that answers every task with the same head and body.
@Suite struct PoolProtocolTests {
  let api: APIUnderTest

  private static let worker = #"""
    import json, socket, struct, sys
    daemon = socket.socket(fileno=3)
    def read(count):
        data = daemon.recv(count, socket.MSG_WAITALL) if count else b""
        if len(data) < count: sys.exit()
        return data
    def send(head, body):
        daemon.sendall(struct.pack(">II", len(head), len(body)) + head + body)
    while True:
        head, body = map(read, struct.unpack(">II", read(8)))
        head = json.loads(head)
        if head["type"] == "hello": send(b'{"type":"ready","protocol":1}', b"")
        if head["type"] == "exit": sys.exit()
        if head["type"] == "task":
            more, body = json.loads(head["func"])
            send(b'{"type":"result","id":%d%s}' % (head["id"], more.encode()), body.encode())
    """#

  init() throws {
    api = try APIUnderTest()
    let pool = #"{"name":"p","processes":1,"worker":{"command":["python3","-c",\#(quoted(Self.worker))]}}"#
    try #require(try api.post("/v1/pools", pool).status == 201)
  }

  /// A map of three items, which the worker has at once and answers so.
  private func map(_ head: String, _ body: String, _ more: String = #","iterable":[0,0,0]"#) throws
    -> APIUnderTest.Result
  {
    let function = quoted("[\(quoted(head)),\(quoted(body))]")
    return try api.post("/v1/pools/p/map", #"{"func":\#(function),"chunksize":3\#(more)}"#)
  }

  private let lines = "{\"value\":1}\n{\"value\":[2]}\n{\"value\":3}\n"

  @Test func linesOrAnArray() throws {
    #expect(try map("", lines).body == #"{"value":[1,[2],3]}"#)
    #expect(try map(#","values":true"#, " [ 1,[2] , 3]").body == #"{"value":[1,[2] , 3]}"#)
    #expect(try map(#","values":false,"other":{"values":true}"#, lines).status == 200)
    let deep = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
    #expect(try map(#","values":true"#, "[1,2,\(deep)]").status == 200)
    let streamed = #"{"func":\#(quoted(#"[",\"values\":true","[1,2]"]"#)),"iterable":[0,0],"chunksize":2}"#
    #expect(
      try api.post("/v1/pools/p/imap", streamed).body == "{\"index\":0,\"value\":1}\n{\"index\":1,\"value\":2}\n")
  }

  @Test(arguments: ["[1,2]", "[1,2,3,4]", "[]", "", "[1,2,3", "[1,2,]", "[1,\n2,3]", "{}", "[1,2,3]x"])
  func anArrayHasAValueForEachItem(_ body: String) throws {
    let answer = try map(#","values":true"#, body)
    #expect(answer.code == "WorkerLostError" && answer.contains(#""reason":"protocol""#), "\(answer.body)")
    #expect(try map("", lines).status == 200)
  }

  @Test func aChunkOfAnArrayHasAListForAll() throws {
    _ = try api.post("/v1/arrays", #"{"name":"xs","typecode":"i","length":3}"#)
    let array = #","iterable":{"array":"xs"}"#
    #expect(try map("", "{\"value\":[4, 5,6]}\n", array).body == #"{"value":[4, 5,6]}"#)
    for body in ["{\"value\":[4,5]}\n", "{\"value\":null}\n", "{\"value\":[]}\n", lines] {
      #expect(try map("", body, array).contains(#""reason":"protocol""#), "\(body)")
    }
    #expect(try map(#","values":true"#, "[4,5,6]", array).contains(#""reason":"protocol""#))
    #expect(try map("", "{\"value\":7}\n", array + #","vectorized":true"#).body == #"{"value":[7]}"#)
  }
}
