import CJansson

/// Members that hold others. `null` counts as absent, and one bad element makes the whole member nil.
extension Fields {
  /// An array of strings without NUL.
  public func strings(_ name: String, required: Bool = false) -> [String]? {
    elements(name, "must be an array of strings", required: required) { string($0, at: $1()) }
  }

  /// An array of integers.
  public func integers(
    _ name: String, in range: ClosedRange<Int> = .min ... .max, required: Bool = false
  ) -> [Int]? {
    elements(name, "must be an array of integers", required: required) { integer($0, in: range, at: $1()) }
  }

  /// An array of numbers.
  public func numbers(
    _ name: String, in range: ClosedRange<Double> = -.infinity ... .infinity, required: Bool = false
  ) -> [Double]? {
    elements(name, "must be an array of numbers", required: required) { number($0, in: range, at: $1()) }
  }

  /// An array of objects.
  public func items(_ name: String, required: Bool = false) -> [Fields]? {
    elements(name, "must be an array of objects", required: required) { fields(of: $0, at: $1()) }
  }

  /// An array of anything but arrays and objects.
  public func scalars(_ name: String, required: Bool = false) -> [Scalar]? {
    elements(name, "must be an array", required: required) { raw, pointer in
      if let scalar = Scalar(raw) { return scalar }
      fail(at: pointer(), "must not be an array or an object")
      return nil
    }
  }

  /// An object whose names are data and whose values are strings without NUL, in the document's order: labels, an
  /// environment. No two names are equal, so that they may become keys of a dictionary.
  public func map(_ name: String, required: Bool = false) -> [(name: String, value: String)]? {
    guard let raw = value(name, required: required) else { return nil }
    let here = pointer.pointer(to: name)
    guard raw.type == JSON_OBJECT else {
      fail(at: here, "must be an object of strings")
      return nil
    }
    let members = raw.members
    var seen: Set<String> = []
    let read = members.compactMap { member -> (name: String, value: String)? in
      let pointer = here.pointer(to: member.name)
      // To jansson equal bytes are the same name, to Swift equal characters are: é may be one scalar or two.
      guard seen.insert(member.name).inserted else {
        fail(at: pointer, "is the same name as another")
        return nil
      }
      return string(member.value, at: pointer).map { (name: member.name, value: $0) }
    }
    return read.count == members.count ? read : nil
  }

  /// A reader of an object inside, which shares this one's errors: `finish` of the outermost covers it.
  public func object(_ name: String, required: Bool = false) -> Fields? {
    value(name, required: required).flatMap { fields(of: $0, at: pointer.pointer(to: name)) }
  }

  private func elements<Element>(
    _ name: String, _ otherwise: String, required: Bool, _ read: (Raw, () -> String) -> Element?
  ) -> [Element]? {
    guard let raw = value(name, required: required) else { return nil }
    guard raw.type == JSON_ARRAY else {
      fail(name, otherwise)
      return nil
    }
    let here = pointer.pointer(to: name)
    var elements: [Element] = []
    let count = json_array_size(raw)
    elements.reserveCapacity(count)
    for index in 0..<count {
      if let element = json_array_get(raw, index), let value = read(element, { "\(here)/\(index)" }) {
        elements.append(value)
      }
    }
    return elements.count == count ? elements : nil
  }
}
