import HTTP
import Testing

@Suite struct EventRoutesTests {
  let api: APIUnderTest
  private let e = "/v1/events/e"

  init() throws {
    api = try APIUnderTest()
    _ = try api.call(.put, e)
  }

  @Test func anEventIsSetAndCleared() throws {
    #expect(try api.get(e).contains(#""is_set":false"#))
    for query in ["timeout=0", "block=false", "timeout=0.01"] {
      let answer = try api.post(e + "/wait?\(query)")
      #expect(answer.status == 200 && answer.body == #"{"is_set":false}"#)
    }
    let waiting = try (0..<3).map { _ in try api.answer(.post, e + "/wait") }
    #expect(try api.post(e + "/set").status == 204)
    #expect(try api.post(e + "/clear").status == 204)
    for call in waiting { #expect(try api.result(call).body == #"{"is_set":true}"#) }
    #expect(try api.get(e).contains(#""is_set":false"#))
    #expect(try api.post("/v1/events", #"{"set":true}"#).pointers == ["/set"])
    #expect(try api.post(e + "/set?x=1").pointers == ["?x"])
  }

  @Test func aDeletionAnswersThoseWhoWait() throws {
    let waiting = try api.answer(.post, e + "/wait")
    _ = try api.call(.delete, e)
    #expect(try api.result(waiting).code == "Closed")
  }
}
