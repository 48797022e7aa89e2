import Testing

/// S1: an own process class. Inherit from Process, add to it, and create from it.
@Suite("S1: an own process class") struct ProcessClassTests {
  let daemon: DaemonUnderTest
  let client: Client

  init() throws {
    daemon = try DaemonUnderTest()
    client = daemon.client
  }

  private func make(_ json: String) throws -> Answer { try client.post("/v1/classes", json) }

  @Test func aProcessIsMadeFromAClassThatExtendsAnother() throws {
    let base =
      #"{"name":"Greeter","command":["/bin/sh","-c","echo $GREETING $* $PLACE; pwd","sh"],"args":["dear"],"#
      + #""env":{"GREETING":"hello","PLACE":"here"},"cwd":"/usr","labels":{"kind":"greeter","team":"a"}}"#
    let made = try make(base)
    #expect(made.status == 201 && made["location"] == "/v1/classes/Greeter")
    let heir = #"{"name":"Polite","extends":"Greeter","args":["old"],"env":{"PLACE":"there"},"labels":{"team":"b"}}"#
    #expect(try make(heir).json["extends"] == .text("Greeter"))

    let process = #"{"class":"Polite","args":["friend"],"env":{"GREETING":"good evening"},"cwd":"/"}"#
    let name = try #require(try client.post("/v1/processes", process).json["name"].text)
    let ended = try client.join(name)
    #expect(try client.output(name).text == "good evening dear old friend there\n/\n")
    #expect(ended["class"] == .text("Polite"))
    #expect(ended["labels"] == Value(#"{"kind":"greeter","team":"b"}"#))
    // The classes are as they were.
    let plain = try #require(try client.post("/v1/processes", #"{"class":"Greeter"}"#).json["name"].text)
    try client.join(plain)
    #expect(try client.output(plain).text == "hello dear here\n/usr\n")
  }

  @Test func aCommandOfItsOwnBeginsAnew() throws {
    _ = try make(#"{"name":"Echo","command":["/bin/echo","a"],"args":["b"]}"#)
    let answer = try client.post("/v1/processes", #"{"class":"Echo","command":["/bin/echo","x"],"args":["y"]}"#)
    let name = try #require(answer.json["name"].text)
    try client.join(name)
    #expect(try client.output(name).text == "x y\n")
  }

  @Test func parentsMustBeThereAndNotBeItself() throws {
    let orphan = try make(#"{"name":"A","extends":"B"}"#)
    #expect(orphan.status == 422 && orphan.pointers == ["/extends"])
    let own = try make(#"{"name":"A","extends":"A"}"#)
    #expect(own.status == 422 && own.pointers == ["/extends"])
    let process = try client.post("/v1/processes", #"{"class":"A"}"#)
    #expect(process.status == 422 && process.pointers == ["/class"])
    // A cycle would need a parent that goes, and it cannot while it is one.
    _ = try make(#"{"name":"A"}"#)
    _ = try make(#"{"name":"B","extends":"A"}"#)
    let inUse = try client.delete("/v1/classes/A")
    #expect(inUse.status == 409)
    #expect(try client.put("/v1/classes/A", #"{"extends":"B"}"#).status == 409)
    #expect(try client.delete("/v1/classes/B").status == 204)
    #expect(try client.delete("/v1/classes/A").status == 204)
  }

  @Test func aClassWithoutACommandMakesNoProcess() throws {
    _ = try make(#"{"name":"Abstract","labels":{"a":"b"}}"#)
    let answer = try client.post("/v1/processes", #"{"class":"Abstract"}"#)
    #expect(answer.status == 422 && answer.pointers == ["/command"])
  }

  @Test func processesOutliveTheirClass() throws {
    _ = try make(#"{"name":"Sleeper","command":["/bin/sleep","60"]}"#)
    let name = try #require(try client.post("/v1/processes", #"{"class":"Sleeper"}"#).json["name"].text)
    #expect(try client.delete("/v1/classes/Sleeper").status == 204)
    #expect(try client.get("/v1/classes/Sleeper").status == 404)
    #expect(try client.process(name)["is_alive"] == .bool(true))
    #expect(try client.process(name)["command"] == Value(#"["/bin/sleep","60"]"#))
  }

  @Test func puttingAClassIsCreateOrSame() throws {
    let settings = #"{"command":["/bin/true"],"env":{"A":"1"}}"#
    #expect(try client.put("/v1/classes/C", settings).status == 201)
    #expect(try client.put("/v1/classes/C", settings).status == 200)
    let other = try client.put("/v1/classes/C", #"{"command":["/bin/true"],"env":{"A":"2"}}"#)
    #expect(other.status == 409 && other.code == "AlreadyExists")
    #expect(try client.get("/v1/classes/C").json["env"] == Value(#"["A"]"#))
    #expect(try client.get("/v1/classes").json["items"].items.count == 1)
  }
}
