import HTTP
import ProcessCore
import Testing

@Suite struct CgroupRoutesTests {
  @Test func whatTheyCanBeUsedForIsTold() throws {
    let api = try APIUnderTest()
    let version = try api.get("/version")
    #expect(version.contains(#""cgroups":{"version":"#))
    #expect(version.contains(#""use":"none","limits":[],"kill":false,"freeze":false}"#))
  }

  @Test(arguments: ["memory", "pids", "cpu"]) func aLimitThatCannotBeGivenIsRefused(name: String) throws {
    let api = try APIUnderTest()
    let process = try api.post("/v1/processes", #"{"command":["/bin/true"],"limits":{"\#(name)":100}}"#)
    #expect(process.status == 422 && process.contains(#""pointer":"/limits/\#(name)""#))
    #expect(process.contains("needs a cgroup, and there is none: the service was started with --cgroups none"))
    let pool = #"{"name":"p","processes":1,"worker":{"exec":{}},"limits":{"\#(name)":100}}"#
    let made = try api.post("/v1/pools", pool)
    #expect(made.status == 422 && made.contains(#""pointer":"/limits/\#(name)""#), "\(made.body)")
    // A class is no process yet, and may be extended by one that has no such limit.
    let template = #"{"name":"C","command":["/bin/true"],"limits":{"\#(name)":100}}"#
    #expect(try api.post("/v1/classes", template).status == 201)
    #expect(try api.post("/v1/processes", #"{"class":"C"}"#).contains(#""pointer":"/limits/\#(name)""#))
  }

  @Test(arguments: [0.01, 0.1, 0.3, 0.5, 1.5, 2.000001]) func coresAreGivenAsTheyCame(cores: Double) throws {
    let api = try APIUnderTest()
    let limits = #""limits":{"core":0,"memory":1,"pids":4194304,"cpu":\#(cores)}"#
    let made = try api.post("/v1/classes", #"{"name":"C","command":["/bin/true"],\#(limits)}"#)
    #expect(made.status == 201 && made.contains(limits), "\(made.body)")
  }

  @Test(arguments: [
    #""memory":0"#, #""memory":1.5"#, #""pids":0"#, #""pids":4194305"#, #""cpu":0"#, #""cpu":0.001"#, #""cpu":10001"#,
    #""cpu":"1""#,
  ])
  func whatIsNoLimitIsRefused(member: String) throws {
    let api = try APIUnderTest()
    let made = try api.post("/v1/classes", #"{"name":"C","command":["/bin/true"],"limits":{\#(member)}}"#)
    #expect(made.status == 422 && made.contains(#""pointer":"/limits/"#), "\(made.body)")
  }
}
