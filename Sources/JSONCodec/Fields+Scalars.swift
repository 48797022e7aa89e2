import CJansson

/// Members of one value. `null` counts as absent.
extension Fields {
  /// Text without NUL, unless `nul` allows it: in C it would end there.
  public func string(_ name: String, required: Bool = false, nul: Bool = false) -> String? {
    value(name, required: required).flatMap { string($0, at: pointer.pointer(to: name), nul: nul) }
  }

  /// An integer and not a number that happens to be whole: `5.0` is refused, as is what is out of the range.
  public func integer(
    _ name: String, in range: ClosedRange<Int> = .min ... .max, required: Bool = false
  ) -> Int? {
    value(name, required: required).flatMap { integer($0, in: range, at: pointer.pointer(to: name)) }
  }

  /// An integer or a real.
  public func number(
    _ name: String, in range: ClosedRange<Double> = -.infinity ... .infinity, required: Bool = false
  ) -> Double? {
    value(name, required: required).flatMap { number($0, in: range, at: pointer.pointer(to: name)) }
  }

  public func bool(_ name: String, required: Bool = false) -> Bool? {
    guard let raw = value(name, required: required) else { return nil }
    switch raw.type {
    case JSON_TRUE: return true
    case JSON_FALSE: return false
    default:
      fail(name, "must be true or false")
      return nil
    }
  }

  /// One of an enumeration's raw values.
  public func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String, of type: Choice.Type = Choice.self, required: Bool = false
  ) -> Choice? {
    guard let raw = value(name, required: required) else { return nil }
    if raw.type == JSON_STRING, let choice = Choice(rawValue: raw.text) { return choice }
    let choices = Choice.allCases.map { "\"\($0.rawValue)\"" }
    fail(name, choices.count == 1 ? "must be \(choices[0])" : "must be one of \(choices.joined(separator: ", "))")
    return nil
  }

  public enum NameOrNumber: Hashable, Sendable {
    case name(String)
    case number(Int)
  }

  /// What may be said by name or by number, as signals may.
  public func nameOrNumber(
    _ name: String, in range: ClosedRange<Int> = .min ... .max, required: Bool = false
  ) -> NameOrNumber? {
    guard let raw = value(name, required: required) else { return nil }
    switch raw.type {
    case JSON_STRING: return string(raw, at: pointer.pointer(to: name)).map { .name($0) }
    case JSON_INTEGER: return integer(raw, in: range, at: pointer.pointer(to: name)).map { .number($0) }
    default:
      fail(name, "must be a name or \(integerText(range))")
      return nil
    }
  }
}

/// A value that is known to be there.
extension Fields {
  func string(_ raw: Raw, at pointer: @autoclosure () -> String, nul: Bool = false) -> String? {
    guard raw.type == JSON_STRING else {
      fail(at: pointer(), "must be a string")
      return nil
    }
    let text = raw.text
    guard nul || !text.utf8.contains(0) else {
      fail(at: pointer(), "must not contain NUL")
      return nil
    }
    return text
  }

  func integer(_ raw: Raw, in range: ClosedRange<Int>, at pointer: @autoclosure () -> String) -> Int? {
    // The type first: of anything else jansson says that it is 0.
    guard raw.type == JSON_INTEGER, range.contains(Int(json_integer_value(raw))) else {
      fail(at: pointer(), "must be \(integerText(range))")
      return nil
    }
    return Int(json_integer_value(raw))
  }

  func number(_ raw: Raw, in range: ClosedRange<Double>, at pointer: @autoclosure () -> String) -> Double? {
    let type = raw.type
    guard type == JSON_INTEGER || type == JSON_REAL, range.contains(json_number_value(raw)) else {
      fail(at: pointer(), "must be \(numberText(range))")
      return nil
    }
    return json_number_value(raw)
  }
}

private func integerText(_ range: ClosedRange<Int>) -> String {
  let lower = range.lowerBound == .min ? nil : "\(range.lowerBound)"
  let upper = range.upperBound == .max ? nil : "\(range.upperBound)"
  return "an integer" + rangeText(lower, upper)
}

private func numberText(_ range: ClosedRange<Double>) -> String {
  func text(_ bound: Double) -> String? {
    guard bound.isFinite else { return nil }
    return Int(exactly: bound).map(String.init) ?? "\(bound)"
  }
  return "a number" + rangeText(text(range.lowerBound), text(range.upperBound))
}

private func rangeText(_ lower: String?, _ upper: String?) -> String {
  switch (lower, upper) {
  case (let lower?, let upper?): lower == upper ? " equal to \(lower)" : " from \(lower) to \(upper)"
  case (let lower?, nil): " of at least \(lower)"
  case (nil, let upper?): " of at most \(upper)"
  case (nil, nil): ""
  }
}
