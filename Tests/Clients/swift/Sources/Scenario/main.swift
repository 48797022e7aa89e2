// What every client does; the same in each language.
import Foundation
import Procession

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Waits as long as it takes: by default `URLSession` gives up after a minute.
struct Patience: OpenAPIInterceptor {
  func intercept<T>(
    urlRequest: URLRequest, urlSession: any URLSessionProtocol, requestBuilder: RequestBuilder<T>,
    completion: @Sendable @escaping (Result<URLRequest, any Error>) -> Void
  ) {
    var request = urlRequest
    request.timeoutInterval = 86400
    completion(.success(request))
  }

  func retry<T>(
    urlRequest: URLRequest, urlSession: any URLSessionProtocol, requestBuilder: RequestBuilder<T>, data: Data?,
    response: URLResponse?, error: any Error, completion: @Sendable @escaping (OpenAPIInterceptorRetry) -> Void
  ) {
    completion(.dontRetry)
  }
}

let environment = ProcessInfo.processInfo.environment
let configuration = ProcessionAPIConfiguration.shared
configuration.basePath = environment["PROCESSION_URL"] ?? ""
configuration.customHeaders["Authorization"] = "Bearer \(environment["PROCESSION_TOKEN"] ?? "")"
configuration.interceptor = Patience()
let name = "swift"

func expect<Value: Equatable>(_ what: String, _ found: Value, _ wanted: Value) {
  guard found == wanted else {
    print("\(what): \(found), not \(wanted)")
    exit(1)
  }
  print("  ", what, "is", found)
}

/// The status and the code of the problem that a call ends with.
func problem(_ call: () async throws(ErrorResponse) -> some Any) async throws -> String? {
  do {
    _ = try await call()
    return nil
  } catch .error(let status, let body, _, _) {
    return "\(status) \(try JSONDecoder().decode(Problem.self, from: body ?? Data()).code)"
  }
}

let hello = try await ProcessesAPI.createProcess(processInput: ProcessInput(command: ["/bin/echo", "hello"]))
expect("the exit code", try await ProcessesAPI.joinProcess(name: hello.name).exitcode, 0)
let output = try await ProcessesAPI.readProcessOutput(name: hello.name)
expect("the output", try String(contentsOf: output, encoding: .utf8), "hello\n")

let message: JSONValue = .dictionary(["text": .string("grüße"), "number": .int(7)])
_ = try await QueuesAPI.putQueue(name: name, queueInput: QueueInput(maxsize: 3))
try await QueuesAPI.putMessage(name: name, body: message)
expect("the message", try await QueuesAPI.getMessage(name: name), message)

_ = try await SemaphoresAPI.createSemaphore(semaphoreInput: SemaphoreInput(name: name, value: 1))
expect("acquired", try await SemaphoresAPI.acquireSemaphore(name: name).acquired, true)
expect("acquired once more", try await SemaphoresAPI.acquireSemaphore(name: name, block: false).acquired, false)
_ = try await SemaphoresAPI.releaseSemaphore(name: name)

let worker = WorkerInput(python: PythonWorkerInput(source: "def square(x): return x * x"))
_ = try await PoolsAPI.createPool(poolInput: PoolInput(name: name, processes: 2, worker: worker))
let numbers = MapInput(_func: "square", iterable: [.int(1), .int(2), .int(3)])
expect("the squares", try await PoolsAPI.mapPool(name: name, mapInput: numbers).value, [.int(1), .int(4), .int(9)])
try await PoolsAPI.deletePool(name: name)

expect(
  "get of an empty queue",
  try await problem { () throws(ErrorResponse) in try await QueuesAPI.getMessage(name: name, block: false) },
  "409 Empty")
expect(
  "a process that is not there",
  try await problem { () throws(ErrorResponse) in try await ProcessesAPI.getProcess(name: "nobody") }, "404 NotFound")

let start = ContinuousClock.now
let seconds = environment["LONG_WAIT"] ?? ""
let sleeper = try await ProcessesAPI.createProcess(processInput: ProcessInput(command: ["/bin/sleep", seconds]))
expect("the exit code after a long wait", try await ProcessesAPI.joinProcess(name: sleeper.name).exitcode, 0)
expect("that it was long", ContinuousClock.now - start >= .seconds(Int(seconds) ?? .max), true)
