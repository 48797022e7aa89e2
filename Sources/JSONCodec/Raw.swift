import CJansson

/// A reference that jansson counts; who owns it, the code that holds it says.
typealias Raw = UnsafeMutablePointer<json_t>

extension Raw {
  var type: json_type { pointee.type }

  /// Of a string.
  var text: String {
    String(
      decoding: UnsafeRawBufferPointer(start: json_string_value(self), count: json_string_length(self)),
      as: UTF8.self)
  }

  /// Of an object, in the order in which they were set.
  var members: [(name: String, value: Raw)] {
    var members: [(name: String, value: Raw)] = []
    members.reserveCapacity(json_object_size(self))
    var member = json_object_iter(self)
    while let here = member {
      if let key = json_object_iter_key(here), let value = json_object_iter_value(here) {
        let name = UnsafeRawBufferPointer(start: key, count: json_object_iter_key_len(here))
        members.append((String(decoding: name, as: UTF8.self), value))
      }
      member = json_object_iter_next(self, here)
    }
    return members
  }
}
