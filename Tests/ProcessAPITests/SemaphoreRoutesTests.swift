import Testing

@testable import HTTP

@Suite struct SemaphoreRoutesTests {
  let api: APIUnderTest
  private let s = "/v1/semaphores/s"

  init() throws { api = try APIUnderTest() }

  @Test func aSemaphoreIsMadeOfItsSettings() throws {
    let plain = try api.post("/v1/semaphores")
    #expect(plain.headers["location"] == "/v1/semaphores/Semaphore-1")
    #expect(plain.contains(#""value":1,"initial":1,"bounded":false"#))
    #expect(
      try api.post("/v1/semaphores", #"{"value":0,"bounded":true}"#).contains(#""value":0,"initial":0,"bounded":true"#))
    #expect(try api.post("/v1/semaphores", #"{"value":-1,"bounded":"yes"}"#).pointers == ["/value", "/bounded"])
    #expect(try api.post("/v1/semaphores", #"{"value":2147483648}"#).pointers == ["/value"])
    #expect(try api.call(.put, s, #"{"value":3}"#).status == 201)
    #expect(try api.call(.put, s, #"{"value":3}"#).status == 200)
    // What it is at first is its setting, whatever it is now.
    _ = try api.post(s + "/acquire")
    #expect(try api.call(.put, s, #"{"value":3}"#).contains(#""value":2,"initial":3"#))
    #expect(try api.call(.put, s, #"{"value":2}"#).code == "AlreadyExists")
  }

  @Test func acquireAnswersAsPython() throws {
    _ = try api.call(.put, s, #"{"value":1}"#)
    #expect(try api.post(s + "/acquire").body == #"{"acquired":true,"permit":1,"token":1,"abandoned":false}"#)
    for query in ["timeout=0", "timeout=0.01", "block=false", "block=false&timeout=9"] {
      let answer = try api.post(s + "/acquire?\(query)")
      #expect(
        answer.status == 200 && answer.body == #"{"acquired":false,"permit":null,"token":null,"abandoned":false}"#)
    }
    #expect(try api.post(s + "/acquire?timeout=-1&x=1", #"{"lease":0,"y":1}"#).pointers == ["?timeout", "?x"])
    #expect(try api.post(s + "/acquire", #"{"lease":0,"y":1}"#).pointers == ["/lease", "/y"])
    let waiting = try api.answer(.post, s + "/acquire")
    #expect(try api.post(s + "/release").status == 204)
    #expect(try api.result(waiting).body == #"{"acquired":true,"permit":2,"token":2,"abandoned":false}"#)
  }

  @Test func releaseAnswersAsPython() throws {
    _ = try api.call(.put, s, #"{"value":1,"bounded":true}"#)
    #expect(try api.post(s + "/release").code == "OverRelease")
    #expect(try api.post(s + "/release", #"{"permit":7}"#).code == "NotOwner")
    #expect(try api.post(s + "/release", #"{"n":0}"#).pointers == ["/n"])
    #expect(try api.post(s + "/release", #"{"n":1,"permit":1}"#).pointers == ["/n"])
    #expect(try api.post(s + "/release?force=maybe").pointers == ["?force"])
    _ = try api.post("/v1/sessions", #"{"name":"mine"}"#)
    _ = try api.call(.post, s + "/acquire", headers: ["procession-session": "mine"])
    #expect(try api.post(s + "/release").code == "NotOwner")
    #expect(try api.post(s + "/release", #"{"permit":1}"#).code == "NotOwner")
    #expect(try api.post(s + "/release?force", #"{"permit":1}"#).status == 204)
  }

  @Test func aHangUpTakesNothing() throws {
    _ = try api.call(.put, s, #"{"value":0}"#)
    let gone = try api.answer(.post, s + "/acquire"), next = try api.answer(.post, s + "/acquire")
    guard case .success(.parked(let reply)) = gone.0 else { Issue.record("not parked"); return }
    #expect(reply.hangUp())
    _ = try api.post(s + "/release")
    #expect(try api.result(next).contains(#""acquired":true"#))
  }

  @Test func aDeletionAnswersThoseWhoWait() throws {
    _ = try api.call(.put, s, #"{"value":0}"#)
    let waiting = try api.answer(.post, s + "/acquire")
    #expect(try api.call(.delete, s).status == 204)
    let answer = try api.result(waiting)
    #expect(
      answer.status == 410 && answer.code == "Closed" && answer.contains(#""instance":"/v1/semaphores/s/acquire""#))
    #expect(try api.post(s + "/acquire").status == 404)
  }
}
