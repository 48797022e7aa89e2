import Glibc
import HTTP
import ProcessCore
import Testing

@Suite struct PoolArrayTests {
  let api: APIUnderTest

  private static let source = #"""
    import time
    def square(x): return x * x
    def total(xs): return [xs.format, sum(xs)]
    def double(xs, ys):
        for index, x in enumerate(xs): ys[index] = 2 * x
    def picky(x):
        if x == 3: raise ValueError("three")
        return x
    def wait(x):
        time.sleep(0.2)
        return x
    """#

  init() throws {
    api = try APIUnderTest()
    let pool = #"{"name":"p","processes":2,"worker":{"python":{"source":\#(quoted(Self.source))}}}"#
    try #require(try api.post("/v1/pools", pool).status == 201)
    _ = try api.post("/v1/arrays", #"{"name":"xs","typecode":"i","initial":[1,2,3,4,5]}"#)
    _ = try api.post("/v1/arrays", #"{"name":"ys","typecode":"d","length":5}"#)
  }

  private func map(_ function: String, _ more: String = "", array: String = "xs") throws -> APIUnderTest.Result {
    try api.post("/v1/pools/p/map", #"{"func":"\#(function)","iterable":{"array":"\#(array)"}\#(more)}"#)
  }

  private var results: String { get throws { try api.get("/v1/arrays/ys/items").body } }

  @Test(arguments: ["", #","chunksize":1"#, #","chunksize":2"#, #","chunksize":99"#])
  func itemsBecomeValues(_ chunks: String) throws {
    #expect(try map("square", chunks).body == #"{"value":[1,4,9,16,25]}"#)
  }

  @Test func itemsBecomeItemsOfAnotherArray() throws {
    #expect(
      try map("math:sqrt", #","result":{"array":"ys"},"chunksize":2"#).body == #"{"value":[],"result":{"array":"ys"}}"#)
    #expect(try results == #"{"values":[1.0,1.4142135623730951,1.7320508075688772,2.0,2.23606797749979]}"#)
    #expect(try map("square", #","result":{"array":"xs"}"#).status == 200)
    #expect(try api.get("/v1/arrays/xs/items").body == #"{"values":[1,4,9,16,25]}"#)
  }

  @Test func aChunkIsAMemoryview() throws {
    #expect(try map("total", #","vectorized":true,"chunksize":3"#).body == #"{"value":[["i", 6],["i", 9]]}"#.spaceless)
    #expect(try map("double", #","vectorized":true,"result":{"array":"ys"},"chunksize":2"#).status == 200)
    #expect(try results == #"{"values":[2.0,4.0,6.0,8.0,10.0]}"#)
  }

  @Test func aMapOfNothingIsDone() throws {
    _ = try api.post("/v1/arrays", #"{"name":"none","typecode":"i","length":0}"#)
    #expect(try map("square", array: "none").body == #"{"value":[]}"#)
  }

  @Test func characters() throws {
    _ = try api.post("/v1/arrays", #"{"name":"text","typecode":"c","initial":["a","é"]}"#)
    #expect(try map("ord", array: "text").body == #"{"value":[97,233]}"#)
  }

  @Test func anErrorEndsItAll() throws {
    let answer = try map("picky", #","chunksize":1"#)
    #expect(answer.status == 409 && answer.code == "TaskError" && answer.contains("ValueError: three"))
  }

  /// A worker says one thing of a chunk, so that all of it has failed.
  @Test func errorsOfChunksAreCollected() throws {
    let values = try map("picky", #","chunksize":2,"on_error":"collect""#)
    #expect(values.contains(#"{"value":[1,2,null,null,5],"errors":[{"index":2,"count":2,"error":"#))
    let stored = try map("picky", #","chunksize":2,"on_error":"collect","result":{"array":"ys"}"#)
    #expect(stored.contains(#"{"value":[],"result":{"array":"ys"},"errors":[{"index":2,"count":2,"error":"#))
    #expect(try results == #"{"values":[1.0,2.0,0.0,0.0,5.0]}"#)
    let chunks = try map("math:sqrt", #","chunksize":4,"on_error":"collect","vectorized":true"#)
    #expect(chunks.contains(#"{"value":[null,null],"errors":[{"index":0,"count":4,"error":"#))
    #expect(chunks.contains(#"{"index":4,"error":"#))
  }

  @Test func anArrayMayBeDeletedMeanwhile() throws {
    let body = #"{"func":"wait","iterable":{"array":"xs"},"chunksize":1,"on_error":"collect"}"#
    #expect(try api.post("/v1/pools/p/map_async", body).status == 202)
    #expect(
      eventually {
        api.manager.commons.pools.registry.find("p")?.job(1)?.progress.done ?? 0 > 0
      })
    #expect(try api.call(.delete, "/v1/arrays/xs").status == 204)
    let answer = try api.post("/v1/pools/p/jobs/1/get?timeout=20")
    #expect(answer.status == 200 && answer.contains("FileNotFoundError"))
    #expect(
      try api.post("/v1/pools/p/apply", #"{"func":"square","args":[3]}"#).body.spaceless.hasPrefix(#"{"value":9}"#))
  }

  @Test func theDocumentIsChecked() throws {
    _ = try api.post("/v1/arrays", #"{"name":"short","typecode":"d","length":4}"#)
    #expect(try map("square", #","result":{"array":"short"}"#).pointers == ["/result"])
    #expect(try map("square", array: "nobody").status == 404)
    #expect(try map("square", #","result":{"array":"nobody"}"#).status == 404)
    #expect(try map("square", #","result":"ys","vectorized":2"#).pointers == ["/result", "/vectorized"])
    #expect(try map("square", #","result":{"array":"ys","x":1}"#).pointers == ["/result/x"])
    for iterable in ["{}", #"{"array":1}"#, #"{"array":"xs","x":1}"#, #""xs""#, "3"] {
      let answer = try api.post("/v1/pools/p/map", #"{"func":"square","iterable":\#(iterable)}"#)
      #expect(answer.status == 422 && answer.pointers == ["/iterable"], "\(iterable)")
    }
    let plain = #"{"func":"square","iterable":[1],"result":{"array":"ys"},"vectorized":true}"#
    #expect(try api.post("/v1/pools/p/map", plain).pointers == ["/result", "/vectorized"])
    for operation in ["starmap", "starmap_async", "imap", "imap_unordered"] {
      let answer = try api.post("/v1/pools/p/\(operation)", #"{"func":"square","iterable":{"array":"xs"}}"#)
      #expect(answer.status == 422 && answer.pointers == ["/iterable"], "\(operation)")
    }
    _ = try api.post("/v1/pools", #"{"name":"e","worker":{"exec":{}}}"#)
    #expect(try api.post("/v1/pools/e/map", #"{"func":"echo","iterable":{"array":"xs"}}"#).pointers == ["/iterable"])
  }
}

extension String {
  /// Without what separates the parts of a JSON text from one another.
  fileprivate var spaceless: String { filter { $0 != " " } }
}
