import HTTP
import Testing

@Suite struct LockRoutesTests {
  let api: APIUnderTest
  private let l = "/v1/locks/l"

  init() throws {
    api = try APIUnderTest()
    for name in ["a", "b"] { _ = try api.post("/v1/sessions", #"{"name":"\#(name)"}"#) }
  }

  private func post(_ verb: String, _ session: String?, _ json: String? = nil) throws -> APIUnderTest.Result {
    try api.call(.post, "\(l)/\(verb)", json, headers: session.map { ["procession-session": $0] } ?? [:])
  }

  @Test func aPlainLock() throws {
    let made = try api.post("/v1/locks")
    #expect(made.headers["location"] == "/v1/locks/Lock-1")
    #expect(made.contains(#""reentrant":false,"locked":false,"depth":0,"owner":null,"token":0"#))
    _ = try api.call(.put, l)
    #expect(try post("release", nil).code == "OverRelease")
    #expect(try post("acquire", "a").contains(#""acquired":true,"permit":1"#))
    #expect(try api.get(l).contains(#""locked":true,"depth":1,"owner":"a","token":1"#))
    #expect(try post("acquire?timeout=0", "a").contains(#""acquired":false"#), "not recursive")
    #expect(try post("release", nil).code == "NotOwner" && post("release", "b").code == "NotOwner")
    #expect(try post("release?force=true", "b").status == 204)
    #expect(try post("acquire", nil).status == 200)
    #expect(try post("release", "b").status == 204, "one of nobody is anybody's")
    #expect(try post("release", nil, #"{"n":1}"#).pointers == ["/n"])
  }

  @Test func aReentrantLock() throws {
    #expect(try api.call(.put, l, #"{"reentrant":true}"#).status == 201)
    let anonymous = try post("acquire", nil)
    #expect(anonymous.status == 422 && anonymous.pointers == ["Procession-Session"])
    for depth in 1...3 {
      #expect(try post("acquire", "a").contains(#""token":1"#))
      #expect(try api.get(l).contains("\"depth\":\(depth)"))
    }
    let waiting = try api.answer(.post, l + "/acquire", headers: ["procession-session": "b"])
    for _ in 1...3 { #expect(try post("release", "a").status == 204) }
    #expect(try api.result(waiting).contains(#""token":2"#))
    #expect(try post("release", "a").code == "NotOwner")
  }

  @Test func theEndOfItsOwnerIsToldToTheNext() throws {
    _ = try api.call(.put, l)
    _ = try post("acquire", "a")
    let waiting = try api.answer(.post, l + "/acquire", headers: ["procession-session": "b"])
    #expect(try api.call(.delete, "/v1/sessions/a").status == 204)
    #expect(try api.result(waiting).body == #"{"acquired":true,"permit":2,"token":2,"abandoned":true}"#)
    #expect(try post("release", nil, #"{"permit":1}"#).code == "NotOwner")
    #expect(try post("release", "b", #"{"permit":2}"#).status == 204)
  }

  @Test func aLeaseThatEndsIsToldToTheNext() throws {
    _ = try api.call(.put, l)
    _ = try post("acquire", nil, #"{"lease":0.05}"#)
    #expect(try post("acquire?timeout=10", nil).contains(#""token":2,"abandoned":true"#))
  }
}
