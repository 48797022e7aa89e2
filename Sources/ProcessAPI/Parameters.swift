import HTTP
import JSONCodec
import Linux

/// Reads a request's query and collects everything that is wrong with it, unknown parameters included.
struct Parameters {
  private let query: Query
  private var known: [String] = []
  private var errors: [Problem.FieldError] = []

  init(_ request: Request) { query = request.query }

  mutating func text(_ name: String) -> String? {
    known.append(name)
    return query[name]
  }

  mutating func bool(_ name: String) -> Bool? {
    switch text(name) {
    case nil: return nil
    case "true", "1", "": return true
    case "false", "0": return false
    default: return fail(name, "must be true or false")
    }
  }

  mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
    guard let text = text(name) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      return fail(name, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  mutating func seconds(_ name: String) -> Double? {
    guard let text = text(name) else { return nil }
    // As JSON has numbers, because clients print small ones with an exponent. Double reads more: hexadecimal, "inf", "nan".
    guard text.utf8.allSatisfy({ "0123456789.eE+-".utf8.contains($0) }), let value = Double(text), value >= 0,
      value.isFinite
    else {
      return fail(name, "must be a number of seconds, 0 or more")
    }
    return value
  }

  mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String, _: Choice.Type) -> Choice? {
    guard let text = text(name) else { return nil }
    guard let choice = Choice(rawValue: text) else {
      return fail(name, "must be one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return choice
  }

  /// `block` and `timeout`: until when to wait, nil for as long as it takes.
  mutating func deadline() -> Deadline? {
    let timeout = seconds("timeout")
    if bool("block") == false { return .now }  // As in Python, the timeout of a call that does not block is ignored.
    return timeout.map { .after(seconds: $0) }
  }

  mutating func fail<T>(_ name: String, _ detail: String) -> T? {
    errors.append(Problem.FieldError("?\(name)", detail))
    return nil
  }

  /// To be called after all reads.
  consuming func finish() throws(Problem) {
    let unknown = query.parameters.filter { !known.contains($0.name) }
    let all = errors + unknown.map { Problem.FieldError("?\($0.name)", "unknown parameter") }
    if !all.isEmpty { throw .invalid(all) }
  }
}
