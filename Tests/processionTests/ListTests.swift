import Testing

/// Lists, filters and pages, create-or-same, and quotas.
@Suite struct ListTests {
  private func names(_ answer: Answer) -> [String] { answer.json["items"].items.compactMap { $0["name"].text } }

  @Test func threeHundredComeInPages() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    for _ in 0..<300 { _ = try client.post("/v1/processes", #"{"command":["/bin/true"],"start":false}"#) }
    var seen: [String] = []
    var cursor = ""
    var pages = 0
    repeat {
      let page = try client.get("/v1/processes?limit=70" + cursor)
      seen += names(page)
      pages += 1
      cursor = page.json["next"].text.map { "&cursor=\($0)" } ?? ""
      // One that is deleted between two pages hides no other.
      if pages == 1 { _ = try client.delete("/v1/processes/Process-70") }
    } while !cursor.isEmpty && pages < 20
    #expect(pages == 5)
    #expect(seen == (1...300).map { "Process-\($0)" })
    #expect(names(try client.get("/v1/processes")).count == 100)
    #expect(names(try client.get("/v1/processes?limit=1000")).count == 299)
    #expect(try client.get("/v1/processes?limit=299").json["next"] == .null)
    for query in ["limit=0", "limit=1001", "limit=x", "cursor=x", "state=dead", "label=x", "wish=1"] {
      let answer = try client.get("/v1/processes?\(query)")
      #expect(answer.status == 422 && answer.pointers == ["?" + query.prefix { $0 != "=" }], "\(query)")
    }
  }

  @Test func filtersAreByPrefixLabelAndState() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    _ = try client.shell("sleep 60", #""name":"web-1","labels":{"tier":"front","env":"a=b"}"#)
    _ = try client.shell("exit 0", #""name":"web-2","labels":{"tier":"back"}"#)
    _ = try client.post(
      "/v1/processes", #"{"name":"db-1","command":["/bin/true"],"start":false,"labels":{"tier":"back"}}"#)
    try client.join("web-2")
    func list(_ query: String) throws -> [String] { names(try client.get("/v1/processes?\(query)")) }
    #expect(try list("prefix=web") == ["web-1", "web-2"])
    #expect(try list("label=tier=back") == ["web-2", "db-1"])
    #expect(try list("label=env=a=b") == ["web-1"])
    #expect(try list("label=tier=back&prefix=db") == ["db-1"])
    #expect(try list("state=running") == ["web-1"])
    #expect(try list("state=exited") == ["web-2"])
    #expect(try list("state=created") == ["db-1"])
    #expect(try list("state=stopped") == [])
  }

  @Test func puttingAProcessIsCreateOrSame() throws {
    let daemon = try DaemonUnderTest()
    let client = daemon.client
    let settings = #"{"command":["/bin/sleep","60"],"labels":{"a":"b"}}"#
    let first = try client.put("/v1/processes/tasks", settings)
    #expect(first.status == 201 && first["location"] == "/v1/processes/tasks")
    let same = try client.put("/v1/processes/tasks", settings)
    #expect(same.status == 200 && same.json["pid"] == first.json["pid"])
    let other = try client.put("/v1/processes/tasks", #"{"command":["/bin/sleep","61"]}"#)
    #expect(other.status == 409 && other.code == "AlreadyExists")
    let named = try client.put("/v1/processes/tasks", #"{"name":"x","command":["/bin/true"]}"#)
    #expect(named.status == 422 && named.pointers == ["/name"])
  }

  @Test func quotasAre429() throws {
    let daemon = try DaemonUnderTest(["--max-processes=2", "--max-waiters=2"])
    let client = daemon.client
    let name = try client.shell("sleep 60")
    let ended = try client.shell("exit 0")
    let tooMany = try client.post("/v1/processes", #"{"command":["/bin/true"]}"#)
    #expect(tooMany.status == 429 && tooMany.code == "QuotaExceeded" && tooMany["retry-after"] != nil)
    let waiting = try (0..<2).map { _ in try client.send("POST", "/v1/processes/\(name)/join") }
    let areParked = try eventually { try client.get("/v1/state").json["waiters"] == .number(2) }
    #expect(areParked)
    let third = try client.post("/v1/processes/\(name)/join")
    #expect(third.status == 429 && third.code == "TooManyWaiters" && third["retry-after"] != nil)
    waiting[0].fd.close()
    let isFree = try eventually { try client.get("/v1/state").json["waiters"] == .number(1) }
    #expect(isFree)
    try client.join(ended)
    #expect(try client.delete("/v1/processes/\(ended)").status == 204)
    #expect(try client.post("/v1/processes", #"{"command":["/bin/true"]}"#).status == 201)
  }

  @Test func runningProcessesHaveAQuotaOfTheirOwn() throws {
    let daemon = try DaemonUnderTest(["--max-running=1"])
    let client = daemon.client
    let name = try client.shell("sleep 60")
    #expect(try client.post("/v1/processes", #"{"command":["/bin/true"]}"#).status == 429)
    let made = try client.post("/v1/processes", #"{"name":"x","command":["/bin/true"],"start":false}"#)
    #expect(made.status == 201)
    #expect(try client.post("/v1/processes/x/start").status == 429)
    _ = try client.post("/v1/processes/\(name)/kill")
    try client.join(name)
    #expect(try client.post("/v1/processes/x/start").status == 200)
  }

  @Test func onlyAllowedProgramsAreStarted() throws {
    let daemon = try DaemonUnderTest(["--allow-command=/bin/true", "--allow-command=/usr/bin/e*"])
    let client = daemon.client
    #expect(try client.post("/v1/processes", #"{"command":["/bin/true"]}"#).status == 201)
    #expect(try client.post("/v1/processes", #"{"command":["/usr/bin/env"]}"#).status == 201)
    for program in ["/bin/sh", "true", "/bin/true2", "/usr/bin/../bin/env"] {
      let answer = try client.post("/v1/processes", "{\"command\":[\"\(program)\"]}")
      #expect(answer.status == 422 && answer.pointers == ["/command/0"], "\(program)")
    }
    // Not by way of a class either.
    _ = try client.put("/v1/classes/Shell", #"{"command":["/bin/sh"]}"#)
    #expect(try client.post("/v1/processes", #"{"class":"Shell"}"#).status == 422)
  }
}
