import ProcessCore

/// The lines that a Python program prints.
func python(_ program: String, _ arguments: String...) throws -> [Substring] {
  let (status, output) = try run(SpawnRequest(command: ["/usr/bin/python3", "-c", program] + arguments))
  guard status.exitcode == 0 else { throw PythonFailed(exitcode: status.exitcode, output: output) }
  return output.split(separator: "\n")
}

struct PythonFailed: Error {
  let exitcode: CInt?
  let output: String
}
