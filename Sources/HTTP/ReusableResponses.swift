import CMicroHTTPD
import Glibc
import Linux

/// The library's responses that a loop has sent last, for the next of the same type and length: making one takes the library a
/// dozen allocations.
struct ReusableResponses: ~Copyable {
  private static let count = 128
  /// Longer ones would keep more memory than they save time.
  private static let longest = 1024

  private struct Place {
    var raw: OpaquePointer
    /// Where its body is: the library's to free.
    var start: UnsafeMutableRawPointer
    var count: Int
    var type: String
    /// Whether somebody is being sent it.
    var isTaken = true
  }

  private let places: UnsafeMutablePointer<Place?>

  init() {
    places = .allocate(capacity: Self.count)
    places.initialize(repeating: nil, count: Self.count)
  }

  deinit {
    for index in 0..<Self.count { if let place = places[index] { MHD_destroy_response(place.raw) } }
    places.deinitialize(count: Self.count)
    places.deallocate()
  }

  /// One that says the same as `response`, until it is given back by its `index`; nil when it has to be made for the occasion.
  func take(_ response: borrowing Response) -> (index: Int, raw: OpaquePointer)? {
    guard case .bytes(let bytes) = response.body, bytes.count > 0, bytes.count <= Self.longest,
      response.headers.isEmpty, let type = response.contentType
    else { return nil }
    let index = (bytes.count ^ type.utf8.count << 4) & (Self.count - 1)
    if let place = places[index] {
      if place.isTaken { return nil }
      if place.count == bytes.count, place.type == type {
        places[index]?.isTaken = true
        place.start.copyMemory(from: bytes.start, byteCount: bytes.count)
        return (index, place.raw)
      }
      MHD_destroy_response(place.raw)
      places[index] = nil
    }
    guard let made = ResponseWriter.make(copyOf: bytes, type) else { return nil }
    places[index] = Place(raw: made.raw, start: made.start, count: bytes.count, type: type)
    return (index, made.raw)
  }

  func giveBack(_ index: Int) { places[index]?.isTaken = false }
}
