import Glibc
import HTTP
import Linux
import ProcessAPI
import ProcessCore
import Testing

/// The route table and openapi.yaml say the same.
struct OpenAPITests {
  private let specification: String

  init() throws {
    let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
    specification = try #require(contents(of: root + "/openapi.yaml"))
  }

  @Test func theScanFindsOperations() {
    let operations = Self.operations(in: specification)
    #expect(operations.count > 20)
    #expect(operations.contains("POST /v1/processes/{name}/join joinProcess"))
    #expect(operations.contains("GET /healthz getHealth"))
  }

  @Test func everyRouteIsSpecifiedAndNothingElse() throws {
    let specified = Self.operations(in: specification)
    let routed = try Self.routes().map { "\($0.method.name) \($0.path) \($0.operation)" }
    for operation in routed where !specified.contains(operation) {
      Issue.record("the route table has \(operation), openapi.yaml has not")
    }
    for operation in specified where !routed.contains(operation) {
      Issue.record("openapi.yaml has \(operation), the route table has not")
    }
    #expect(Set(routed).count == routed.count)
    #expect(Set(specified).count == specified.count)
  }

  /// The names of operations become functions of generated clients.
  @Test func operationsHaveNamesOfTheirOwn() throws {
    let names = try Self.routes().map(\.operation)
    #expect(Set(names).count == names.count)
  }

  @Test func theBinaryCarriesTheFile() {
    #expect(embeddedSpecification().text == specification)
  }

  /// `METHOD path operationId` of each operation, by the file's layout: paths are indented by 2, methods by 4, what
  /// belongs to an operation by 6.
  private static func operations(in specification: String) -> [String] {
    var operations: [String] = []
    var path = ""
    var method = ""
    for line in specification.split(separator: "\n") {
      let indentation = line.prefix { $0 == " " }.count
      let text = line.dropFirst(indentation)
      switch indentation {
      case 0: (path, method) = ("", "")
      case 2: (path, method) = (text.hasPrefix("/") ? String(text.dropLast()) : "", "")
      case 4: method = text.dropLast().uppercased()
      case 6 where text.hasPrefix("operationId: ") && !path.isEmpty:
        operations.append("\(method) \(path) \(text.dropFirst("operationId: ".count))")
      default: break
      }
    }
    return operations
  }

  private static func routes() throws -> [Route] {
    let reactor = try Reactor(alarms: Alarms())
    let events = EventLog(capacity: 1, alarms: reactor.alarms)
    let manager = try ProcessManager(ProcessOptions(), reactor: reactor, log: events)
    return API(manager: manager, daemon: DaemonInfo(version: "test")).routes
  }
}

private func contents(of path: String) -> String? {
  guard let file = fopen(path, "re") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 65536)
  while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
  return String(validating: bytes, as: UTF8.self)
}
