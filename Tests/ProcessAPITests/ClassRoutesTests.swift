import HTTP
import Testing

@Suite struct ClassRoutesTests {
  let api: APIUnderTest

  init() throws { api = try APIUnderTest() }

  /// Row S1 of the mission: a class of one's own, by inheritance, and processes made from it.
  @Test func S1_aClassExtendsAnotherAndAProcessIsMadeFromIt() throws {
    let base = try api.post(
      "/v1/classes", #"{"name":"Greeter","command":["/bin/echo","hello"],"env":{"A":"1"},"labels":{"kind":"greeter"}}"#)
    #expect(base.status == 201 && base.headers["location"] == "/v1/classes/Greeter")
    let heir = try api.post(
      "/v1/classes", #"{"name":"WorldGreeter","extends":"Greeter","args":["world"],"env":{"B":"2"},"umask":"027"}"#)
    #expect(heir.status == 201 && heir.contains(#""extends":"Greeter""#) && heir.contains(#""command":null"#))
    let made = try api.post("/v1/processes", #"{"class":"WorldGreeter","args":["!"],"labels":{"kind":"loud"}}"#)
    #expect(made.contains(#""command":["/bin/echo","hello","world","!"]"#))
    #expect(made.contains(#""env":["A","B"]"#) && made.contains(#""umask":"0027""#))
    #expect(made.contains(#""labels":{"kind":"loud"}"#) && made.contains(#""class":"WorldGreeter""#))
    _ = try api.post("/v1/processes/Process-1/join")
    #expect(try api.get("/v1/processes/Process-1/output").body == "hello world !\n")
  }

  @Test func aMissingParentOrACycleIs422() throws {
    #expect(try api.post("/v1/classes", #"{"name":"A","extends":"B"}"#).pointers == ["/extends"])
    #expect(try api.post("/v1/classes", #"{"name":"A","extends":"A"}"#).pointers == ["/extends"])
    _ = try api.post("/v1/classes", #"{"name":"A","command":["true"]}"#)
    _ = try api.post("/v1/classes", #"{"name":"B","extends":"A"}"#)
    // Nothing can close the circle: what is there keeps its parent.
    #expect(try api.call(.put, "/v1/classes/A", #"{"extends":"B"}"#).code == "AlreadyExists")
    #expect(try api.call(.delete, "/v1/classes/A").code == "InUse", "B extends it")
    #expect(try api.call(.delete, "/v1/classes/B").status == 204)
    #expect(try api.call(.delete, "/v1/classes/A").status == 204)
  }

  @Test func aProcessOfItsOwnCommandTakesTheRestFromItsClass() throws {
    _ = try api.post(
      "/v1/classes", #"{"name":"Quiet","command":["/bin/true"],"args":["x"],"stdout":"null","daemon":true}"#)
    let made = try api.post("/v1/processes", #"{"class":"Quiet","command":["/bin/echo","a"]}"#)
    #expect(made.contains(#""command":["/bin/echo","a"]"#), "the class's arguments belong to the class's command")
    #expect(made.contains(#""stdout":"null""#) && made.contains(#""daemon":true"#))
  }

  @Test func classesAreListedAndNamed() throws {
    #expect(try api.post("/v1/classes", #"{"command":["true"]}"#).headers["location"] == "/v1/classes/Class-1")
    #expect(try api.get("/v1/classes").contains(#""name":"Class-1""#))
    #expect(try api.call(.put, "/v1/classes/Class-1", #"{"command":["true"]}"#).status == 200)
    #expect(try api.post("/v1/classes", #"{"command":["true"],"start":true}"#).pointers == ["/start"])
    #expect(try api.post("/v1/classes", #"{"command":["true"],"class":"X"}"#).pointers == ["/class"])
  }
}
