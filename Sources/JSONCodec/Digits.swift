import CJansson

/// How many digits bring every number of a document back exactly, from 15, which all have, to 17.
///
/// jansson writes all of them with the same precision: 17 always suffices but makes 0.1 into 0.10000000000000001.
func digits(of raw: Raw) -> Int {
  var most = 15
  switch raw.type {
  case JSON_REAL: most = max(most, significantDigits(json_real_value(raw)))
  case JSON_OBJECT:
    var member = json_object_iter(raw)
    while let here = member, most < 17 {
      if let value = json_object_iter_value(here) { most = max(most, digits(of: value)) }
      member = json_object_iter_next(raw, here)
    }
  case JSON_ARRAY:
    for index in 0..<json_array_size(raw) where most < 17 {
      if let value = json_array_get(raw, index) { most = max(most, digits(of: value)) }
    }
  default: break
  }
  return most
}

/// Swift describes a number by the shortest text that reads back as the same number.
private func significantDigits(_ value: Double) -> Int {
  var count = 0
  var zeros = 0
  for byte in value.description.utf8 {
    switch byte {
    case UInt8(ascii: "0"): if count > 0 { zeros += 1 }
    case UInt8(ascii: "1")...UInt8(ascii: "9"):
      count += zeros + 1
      zeros = 0
    case UInt8(ascii: "e"): return count
    default: break
    }
  }
  return count
}
