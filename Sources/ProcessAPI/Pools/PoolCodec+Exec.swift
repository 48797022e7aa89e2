import HTTP
import JSONCodec
import Linux
import ProcessCore

/// What *exec* pools make of a task's JSON.
extension PoolCodec {
  func command(_ call: Call, _ body: [ByteSlice]) -> ExecCommand? {
    var text: [UInt8] = []
    for piece in body { text.append(contentsOf: piece.buffer) }
    return text.withUnsafeBytes { bytes in
      call.operation == .apply ? applied(call, bytes) : mapped(call, bytes)
    }
  }

  /// `{"args": […], "kwds": {"stdin": …, "timeout": …}}`
  private func applied(_ call: Call, _ body: UnsafeRawBufferPointer) -> ExecCommand? {
    guard let fields = try? Fields(body, limit: 64 << 20) else { return nil }
    guard let words = fields.scalars("args")?.map(\.argument), words.allSatisfy({ $0 != nil }) else { return nil }
    let keywords = fields.object("kwds")
    let stdin = keywords?.string("stdin", nul: true)
    let timeout = keywords?.number("timeout", in: 0...1e9)
    guard (try? fields.finish()) != nil else { return nil }
    return ExecCommand(command: [call.function] + words.compactMap { $0 }, stdin: stdin, timeout: timeout)
  }

  /// `[item]`: of a map the one argument, of a starmap all of them.
  private func mapped(_ call: Call, _ body: UnsafeRawBufferPointer) -> ExecCommand? {
    let wrapped = Array(#"{"args":"#.utf8) + (call.operation == .map ? Array(body) : Array(body.dropFirst().dropLast()))
    return (wrapped + Array("}".utf8)).withUnsafeBytes { applied(call, $0) }
  }

  func error(_ error: CoreError) -> String { error.json }

  func line(_ result: ExecResult) -> Bytes {
    let value = JSON.object()
    value.set("exitcode", result.exitcode)
    value.set("stdout", utf8: result.stdout.buffer)
    value.set("stderr", utf8: result.stderr.buffer)
    // Text cannot hold them.
    if !result.stdout.isText { value.set("stdout_base64", base64(result.stdout.buffer)) }
    if !result.stderr.isText { value.set("stderr_base64", base64(result.stderr.buffer)) }
    if result.isTruncated { value.set("truncated", true) }
    let line = JSON.object()
    line.set("value", value)
    return line.dump()
  }
}

extension Bytes {
  fileprivate var isText: Bool { String(validating: buffer, as: UTF8.self) != nil }
}

extension Fields.Scalar {
  /// As a word of a command.
  fileprivate var argument: String? {
    switch self {
    case .string(let text): text.utf8.contains(0) ? nil : text
    case .integer(let number): String(number)
    case .real(let number): String(number)
    case .bool, .null: nil
    }
  }
}
