import HTTP
import Linux
import ProcessAPI
import Testing

@testable import ProcessCore

/// Where the members that are there say what a document is, null says nothing.
@Suite struct NullTests {
  let api: APIUnderTest

  init() throws { api = try APIUnderTest() }

  @Test(arguments: ["start", "join?timeout=0", "terminate", "kill", "stop"])
  func nobodyIsNamedByNull(_ verb: String) throws {
    #expect(try api.post("/v1/processes", #"{"name":"a","command":["/bin/sleep","100"]}"#).status == 201)
    for document in [
      #"{"label":null}"#, #"{"processes":null}"#, #"{"all":null}"#, #"{"label":null,"processes":null,"all":false}"#,
      #"{"processes":["a"],"label":null}"#, #"{"processes":["a"],"all":null}"#, #"{"processes":null,"all":true}"#,
    ] {
      let answer = try api.post("/v1/processes/\(verb)", document)
      #expect(answer.status == 422 && answer.contains("must not be null"), "\(document)")
    }
    #expect(try api.get("/v1/processes/a").contains(#""state":"running""#))
  }

  @Test func noSignalGoesToNull() throws {
    for field in ["label", "processes", "pid", "all"] {
      #expect(try api.post("/v1/signals/send", #"{"signal":"TERM","\#(field)":null}"#).status == 422)
      #expect(try api.post("/v1/signals/send", #"{"signal":"TERM","\#(field)":null,"processes":["a"]}"#).status == 422)
      for action in ["stop", "forward"] {
        let handler = #"{"action":"\#(action)","\#(field)":null}"#
        #expect(try api.call(.put, "/v1/signals/handlers/SIGUSR1", handler).status == 422)
      }
    }
    #expect(try api.post("/v1/signals/send", #"{"signal":"TERM","pid":1,"start_time":null}"#).status == 422)
  }

  @Test func nullIsNoneOfSeveral() throws {
    func process(_ rest: String) throws -> Int {
      try api.post("/v1/processes", #"{"command":["/bin/true"],"start":false,\#(rest)}"#).status
    }
    #expect(try api.post("/v1/pipes", #"{"name":"p"}"#).status == 201)
    #expect(try process(#""ready":{"tcp":80}"#) == 201)
    for sign in ["fd", "tcp", "output", "command"] {
      #expect(try process(#""ready":{"\#(sign)":null}"#) == 422)
    }
    #expect(try process(#""ready":{"output":null,"tcp":80}"#) == 422)
    #expect(try process(#""stdin":{"pipe":"p","end":0}"#) == 201)
    for source in [
      #"{"queue":null,"pipe":"p","end":0}"#, #"{"queue":null}"#, #"{"pipe":null,"end":0}"#, #"{"pipe":"p","end":null}"#,
    ] { #expect(try process(#""stdin":\#(source)"#) == 422, "\(source)") }
    #expect(try process(#""fds":{"5":{"array":null,"pipe":"p","end":1}}"#) == 422)
    #expect(try api.post("/v1/wait?timeout=0", #"{"any":null,"all":[]}"#).status == 422)
    #expect(try api.post("/v1/wait?timeout=0", #"{"any":null,"all":null}"#).status == 422)
    #expect(try api.post("/v1/wait?timeout=0", #"{"any":[{"pipe":"p","end":0}]}"#).status != 422)
    for kind in ["process", "lock", "queue", "job"] {
      let target = #"{"pipe":"p","end":0,"\#(kind)":null}"#
      #expect(try api.post("/v1/wait?timeout=0", #"{"any":[\#(target)]}"#).status == 422, "\(kind)")
    }
    #expect(try api.post("/v1/arrays", #"{"typecode":"b","initial":null}"#).status == 422)
    #expect(try api.post("/v1/arrays", #"{"typecode":"b","initial":null,"length":2}"#).status == 201)
    #expect(try api.post("/v1/values", #"{"typecode":"b","value":null}"#).status == 201)
    #expect(try api.post("/v1/pools", #"{"worker":{"python":null}}"#).status == 422)
  }

  /// Any member of any document: that it is answered is all that is asked.
  @Test func everyOperationAnswersToNull() throws {
    for (kind, document) in [
      ("queues", #"{"name":"x","joinable":true}"#), ("pipes", #"{"name":"x"}"#), ("semaphores", #"{"name":"x"}"#),
      ("locks", #"{"name":"x"}"#), ("conditions", #"{"name":"x"}"#), ("events", #"{"name":"x"}"#),
      ("barriers", #"{"name":"x","parties":2}"#), ("arrays", #"{"name":"x","typecode":"b","length":4,"lock":false}"#),
      ("values", #"{"name":"x","typecode":"b","lock":false}"#), ("sessions", #"{"name":"x"}"#),
      ("processes", #"{"name":"x","command":["/bin/sleep","100"]}"#),
    ] { #expect(try api.post("/v1/\(kind)", document).status == 201, "\(kind)") }
    let names = Set(
      embeddedSpecification().text.split(separator: "\n").compactMap { line -> String? in
        let text = line.drop { $0 == " " }
        guard text.last == ":", text.dropLast().allSatisfy({ $0.isLetter || $0 == "_" }) else { return nil }
        return String(text.dropLast())
      })
    #expect(names.isSuperset(of: ["processes", "label", "timeout", "typecode"]))
    var asked = 0
    for route in api.routes {
      switch route.body {
      case .document, .optionalDocument: break
      default: continue
      }
      // A pool is made of interpreters that start.
      if route.path == "/v1/pools" || route.path == "/v1/pools/{name}" { continue }
      let path = route.path.replacing("{name}", with: "x").replacing("{signal}", with: "SIGUSR1")
        .replacing("{index}", with: "0").replacing("{end}", with: "0").replacing("{id}", with: "1")
        .replacing("{worker}", with: "w")
      for name in names {
        let (answer, _) = try api.answer(route.method, path, #"{"\#(name)":null}"#)
        asked += 1
        if case .failure(let problem) = answer { #expect(problem.status < 500, "\(route.operation) \(name)") }
      }
    }
    #expect(asked > 5000)
  }
}
