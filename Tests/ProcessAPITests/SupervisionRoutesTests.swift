import HTTP
import Linux
import ProcessCore
import Testing

@Suite struct SupervisionRoutesTests {
  let api: APIUnderTest

  init() throws { api = try APIUnderTest() }

  @Test func whatIsGivenIsTold() throws {
    let made = try api.post(
      "/v1/processes",
      #"""
      {"name":"web","command":["/bin/sleep","60"],"start":false,"depends_on":[{"process":"db","condition":"ready"},{"process":"x"}],
       "ready":{"tcp":8080},"restart":{"policy":"on-failure","max_retries":5,"window":60,"settle":2.5,"essential":true,
       "backoff":{"initial":0.5,"max":30,"jitter":0.1},"success_exit_codes":[0,3]}}
      """#)
    #expect(made.status == 201)
    let restart =
      #""restart":{"policy":"on-failure","max_retries":5,"window":60.0,"backoff":{"initial":0.5,"factor":2.0,"max":30.0,"#
      + #""jitter":0.1},"settle":2.5,"success_exit_codes":[0,3],"essential":true}"#
    #expect(made.contains(restart))
    #expect(made.contains(#""ready":{"tcp":8080,"interval":0.5}"#))
    #expect(
      made.contains(
        #""depends_on":[{"process":"db","condition":"ready"},{"process":"x","condition":"started"}]"#))
    #expect(made.contains(#""is_ready":false,"waiting_for":[],"starts":0,"restarts":0,"next_start_at":null"#))
    let started = try api.post("/v1/processes/web/start")
    #expect(started.status == 200 && started.contains(#""state":"created""#))
    #expect(started.contains(#""waiting_for":["db","x"]"#))
  }

  @Test func aClassGivesThem() throws {
    let made = try api.post(
      "/v1/classes",
      #"{"name":"Service","restart":{"policy":"always"},"ready":{"fd":9},"depends_on":[{"process":"db"}]}"#)
    #expect(made.status == 201 && made.contains(#""ready":{"fd":9}"#) && made.contains(#""policy":"always""#))
    let process = try api.post(
      "/v1/processes", #"{"class":"Service","command":["true"],"start":false,"depends_on":[{"process":"cache"}]}"#)
    #expect(process.contains(#""policy":"always""#) && process.contains(#""ready":{"fd":9}"#))
    #expect(process.contains(#"[{"process":"db","condition":"started"},{"process":"cache","condition":"started"}]"#))
  }

  @Test(arguments: [
    (#""restart":{"policy":"sometimes"}"#, "/restart/policy"),
    (#""restart":{"max_retries":-1}"#, "/restart/max_retries"),
    (#""restart":{"settle":0}"#, "/restart/settle"),
    (#""restart":{"backoff":{"factor":0.5}}"#, "/restart/backoff/factor"),
    (#""restart":{"backoff":{"initial":0}}"#, "/restart/backoff/initial"),
    (#""restart":{"backoff":{"jitter":2}}"#, "/restart/backoff/jitter"),
    (#""restart":{"success_exit_codes":[0,256]}"#, "/restart/success_exit_codes/1"),
    (#""restart":{"x":1}"#, "/restart/x"),
    (#""restart":"always""#, "/restart"), (#""ready":{}"#, "/ready"), (#""ready":{"fd":3,"tcp":80}"#, "/ready"),
    (#""ready":{"fd":2}"#, "/ready/fd"), (#""ready":{"tcp":0}"#, "/ready/tcp"),
    (#""ready":{"output":"("}"#, "/ready/output"),
    (#""ready":{"output":"x"},"stdout":"null","stderr":"null""#, "/ready/output"),
    (#""ready":{"command":[]}"#, "/ready/command"), (#""ready":{"fd":3,"interval":1}"#, "/ready/interval"),
    (#""depends_on":[{"process":"a b"}]"#, "/depends_on/0/process"), (#""depends_on":[{}]"#, "/depends_on/0/process"),
    (#""depends_on":[{"process":"a"},{"process":"a"}]"#, "/depends_on/1/process"),
    (#""depends_on":[{"process":"a","condition":"happy"}]"#, "/depends_on/0/condition"),
    (#""depends_on":[{"process":"self"}]"#, "/depends_on"),
  ]) func whatIsWrongIsNamed(fields: String, pointer: String) throws {
    let refused = try api.post("/v1/processes", #"{"name":"self","command":["true"],\#(fields)}"#)
    #expect(refused.status == 422 && refused.pointers == [pointer], "\(refused.body)")
  }

  @Test(arguments: ["start", "join", "terminate", "kill", "stop", "current"])
  func aNameThatAPathNeedsIsReserved(name: String) throws {
    let refused = try api.post("/v1/processes", #"{"name":"\#(name)","command":["true"]}"#)
    #expect(refused.status == 422 && refused.pointers == ["/name"])
  }

  @Test func aCrashLoopIsSeenAndEnded() throws {
    let document =
      #"{"name":"loop","command":["false"],"restart":{"policy":"always","backoff":{"initial":1000,"max":1000}}}"#
    #expect(try api.post("/v1/processes", document).status == 201)
    try #require(eventually { (try? api.get("/v1/processes/loop").contains(#""state":"backoff""#)) == true })
    let during = try api.get("/v1/processes/loop")
    #expect(during.contains(#""exitcode":1"#) && during.contains(#""is_alive":false"#))
    #expect(!during.contains(#""next_start_at":null"#))
    #expect(try api.post("/v1/processes/loop/join?timeout=0").contains(#""state":"backoff""#))
    #expect(try api.post("/v1/processes/loop/signal", #"{"signal":"TERM"}"#).code == "NotRunning")
    #expect(try api.call(.delete, "/v1/processes/loop").code == "StillRunning")
    #expect(try api.get("/v1/processes?state=backoff").contains(#""name":"loop""#))
    #expect(try api.post("/v1/processes/loop/stop").contains(#""state":"stopped""#))
    #expect(try api.call(.delete, "/v1/processes/loop").status == 204)
    #expect(try api.get("/metrics").contains("procession_process_restarts_total 0"))
  }
}

@Suite struct GroupRoutesTests {
  let api: APIUnderTest

  init() throws { api = try APIUnderTest() }

  private func make(_ name: String, _ command: String, _ fields: String = "") throws {
    let document = #"{"name":"\#(name)","command":\#(command),"labels":{"team":"blue"},"start":false\#(fields)}"#
    try #require(try api.post("/v1/processes", document).status == 201)
  }

  @Test func aLabelIsStartedJoinedAndStopped() throws {
    try make("quick", #"["true"]"#)
    try make("slow", #"["/bin/sleep","100"]"#)
    let blue = #"{"label":"team=blue"}"#
    let started = try api.post("/v1/processes/start", blue)
    #expect(started.status == 200)
    #expect(started.contains(#"{"process":"quick","done":true,"code":null,"detail":null,"state""#))
    let joined = try api.post("/v1/processes/join?timeout=0.3", blue)
    #expect(joined.contains(#""process":"quick","done":true"#) && joined.contains(#""process":"slow","done":false"#))
    #expect(joined.contains(#""state":"exited","is_alive":false,"exitcode":0"#))
    let stopped = try api.post("/v1/processes/stop", #"{"label":"team=blue","signal":"INT","grace":20}"#)
    #expect(
      stopped.body
        == #"{"results":[{"process":"slow","done":true,"code":null,"detail":null,"state":"stopped","is_alive":false,"#
        + #""exitcode":-2,"killed":[],"survivors":[]}]}"#)
    #expect(try api.post("/v1/processes/join", #"{"all":true}"#).contains(#""process":"slow","done":true"#))
    #expect(try api.post("/v1/processes/kill", blue).body == #"{"results":[]}"#)
  }

  @Test func whatIsSaidAgainstOneIsItsOwn() throws {
    try make("made", #"["true"]"#)
    for verb in ["terminate", "kill", "stop", "join"] {
      let answer = try api.post("/v1/processes/\(verb)", #"{"processes":["made","none"]}"#)
      #expect(answer.status == 200)
      #expect(answer.contains(#""process":"made","done":false,"code":"NotRunning""#), "\(verb): \(answer.body)")
      #expect(answer.contains(#""process":"none","done":false,"code":"NotFound""#))
      #expect(answer.contains(#""state":null,"is_alive":false"#))
    }
  }

  @Test(arguments: ["start", "join", "terminate", "kill", "stop"])
  func exactlyOneSelectorIsNeeded(verb: String) throws {
    for document in ["{}", #"{"all":true,"label":"a=b"}"#, #"{"all":false}"#] {
      #expect(try api.post("/v1/processes/\(verb)", document).pointers == ["/processes"])
    }
    #expect(try api.post("/v1/processes/\(verb)", #"{"label":"team"}"#).pointers.contains("/label"))
  }

  @Test func aProcessMayNotEndOthers() throws {
    for verb in ["start", "terminate", "kill", "stop"] {
      let answer = try api.post("/v1/processes/\(verb)", #"{"all":true}"#, as: .bearer(subject: "x"))
      #expect(answer.status == 403)
    }
  }
}
