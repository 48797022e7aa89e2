import Glibc
import Linux
import ProcessAPI
import Testing

@Suite struct PythonWorkerTests {
  @Test func theBinaryCarriesTheFile() throws {
    let path = String(#filePath.dropLast("Tests/ProcessAPITests/PythonWorkerTests.swift".count))
    let file = try #require(fopen(path + "Sources/CEmbedded/worker.py", "re"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
    #expect(bytes.count > 10_000)
    #expect(embeddedPythonWorker().text == String(validating: bytes, as: UTF8.self))
  }
}
