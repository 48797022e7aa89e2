import Testing

/// Calls that nearly every test makes.
extension Client {
  /// Starts a process and returns its name. `more` are further members, as in `"stdin":"pipe"`.
  func start(_ command: [String], _ more: String = "", at location: SourceLocation = #_sourceLocation) throws -> String
  {
    let words = command.map { quoted($0) }.joined(separator: ",")
    let answer = try post("/v1/processes", "{\"command\":[\(words)]\(more.isEmpty ? "" : ",")\(more)}")
    try #require(answer.status == 201, "\(answer.text)", sourceLocation: location)
    return try #require(answer.json["name"].text, sourceLocation: location)
  }

  func shell(_ script: String, _ more: String = "", at location: SourceLocation = #_sourceLocation) throws -> String {
    try start(["/bin/sh", "-c", script], more, at: location)
  }

  func process(_ name: String) throws -> Value { try get("/v1/processes/\(name)").json }

  @discardableResult
  func join(_ name: String) throws -> Value { try post("/v1/processes/\(name)/join").json }

  func signal(_ name: String, _ signal: String, to target: String = "process") throws -> Answer {
    try post("/v1/processes/\(name)/signal", #"{"signal":"\#(signal)","to":"\#(target)"}"#)
  }

  func output(_ name: String, _ query: String = "") throws -> Answer {
    try get("/v1/processes/\(name)/output" + (query.isEmpty ? "" : "?\(query)"))
  }

  /// What a script writes to stdout by its end.
  func result(of script: String, _ more: String = "", at location: SourceLocation = #_sourceLocation) throws -> String {
    let name = try shell(script, more, at: location)
    try join(name)
    return try output(name).text
  }

  /// Waits until a process has written `text`, as scripts do when they are ready.
  func wait(for text: String, from name: String, at location: SourceLocation = #_sourceLocation) throws {
    let seen = try open("GET", "/v1/processes/\(name)/output?follow=true").text(until: text)
    try #require(seen.contains(text), sourceLocation: location)
  }
}

/// A JSON string.
func quoted(_ text: String) -> String {
  var json = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": json += "\\\""
    case "\\": json += "\\\\"
    case "\n": json += "\\n"
    case _ where scalar.value < 0x20:
      json += "\\u" + String(repeating: "0", count: scalar.value < 16 ? 3 : 2) + String(scalar.value, radix: 16)
    default: json.unicodeScalars.append(scalar)
    }
  }
  return json + "\""
}
