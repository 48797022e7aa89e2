import Testing

extension Client {
  /// Makes a pool of Python workers that know the functions of `source`.
  func pool(_ name: String, _ processes: Int, source: String = Client.functions, _ more: String = "") throws {
    let worker = #"{"python":{"source":\#(quoted(source))}}"#
    let answer = try post(
      "/v1/pools", #"{"name":"\#(name)","processes":\#(processes),"worker":\#(worker)\#(more)}"#)
    try #require(answer.status == 201, "\(answer.text)")
  }

  func apply(_ pool: String, _ function: String, _ args: String = "[]", _ more: String = "") throws -> Answer {
    try post("/v1/pools/\(pool)/apply", #"{"func":"\#(function)","args":\#(args)\#(more)}"#)
  }

  func map(_ pool: String, _ function: String, _ iterable: String, _ more: String = "") throws -> Answer {
    try post("/v1/pools/\(pool)/map", #"{"func":"\#(function)","iterable":\#(iterable)\#(more)}"#)
  }

  /// Hands work in and returns the job's path.
  func job(_ pool: String, _ verb: String, _ document: String) throws -> String {
    let answer = try post("/v1/pools/\(pool)/\(verb)", document)
    try #require(answer.status == 202, "\(answer.text)")
    return try #require(answer["location"])
  }

  func workers(_ pool: String) throws -> [Value] { try get("/v1/pools/\(pool)/workers").json["items"].items }
  func pids(_ pool: String) throws -> Set<Int> { Set(try workers(pool).compactMap { $0["pid"].int }) }

  static let functions = """
    import os, time
    def square(x): return x * x
    def power(x, y=2): return x ** y
    def pid(x=None): return os.getpid()
    def nap(x): time.sleep(x); return x
    def odd(x):
        if x % 2: raise ValueError(f"{x} is odd")
        return x
    """
}
