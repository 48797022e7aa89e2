import Linux

import CGnuTLS
import CMicroHTTPD
import Glibc

/// The bearer tokens that are let in, as SHA-256 digests; the tokens themselves are not kept. Any thread may use it.
///
/// While it is empty no token is right.
public final class Tokens: Sendable {
  private let callers = Linux.Mutex<[Digest: Caller]>([:])

  public init() {}

  public func add(_ token: String, for caller: Caller) {
    let digest = Digest(token)
    callers.withLock { $0[digest] = caller }
  }

  public func remove(_ token: String) {
    let digest = Digest(token)
    callers.withLock { _ = $0.removeValue(forKey: digest) }
  }

  /// Removes every token that was issued to `subject`.
  public func removeAll(subject: String) {
    callers.withLock { $0 = $0.filter { $0.value != .bearer(subject: subject) } }
  }

  /// Whose token it is, nil when it is nobody's.
  public func caller(presenting token: UnsafeRawBufferPointer) -> Caller? {
    let presented = Digest(token)
    return callers.withLock { callers in
      guard let index = callers.index(forKey: presented) else { return nil }
      let (digest, caller) = callers[index]
      return digest.isEqualInConstantTime(to: presented) ? caller : nil
    }
  }

  /// A new token: 32 random bytes in base64url.
  public static func make() -> String {
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = getrandom(&bytes, 32, 0)
    precondition(count == 32, "the kernel gives no random bytes")
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: 32, by: 3) {
      let group = (0..<3).reduce(0) { $0 << 8 | (start + $1 < 32 ? Int(bytes[start + $1]) : 0) }
      let digits = start + 3 <= 32 ? 4 : 3
      for digit in 0..<digits { text.append(alphabet[group >> (18 - 6 * digit) & 63]) }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// A SHA-256 digest.
private struct Digest: Hashable {
  private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  init(_ token: String) {
    var token = token
    self = token.withUTF8 { Digest(UnsafeRawBufferPointer($0)) }
  }

  init(_ token: UnsafeRawBufferPointer) {
    let code = withUnsafeMutableBytes(of: &words) { cgnutls_sha256(token.baseAddress, token.count, $0.baseAddress) }
    precondition(code == 0, "GnuTLS has no SHA-256")
  }

  func isEqualInConstantTime(to other: Digest) -> Bool {
    let difference =
      (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2) | (words.3 ^ other.words.3)
    return difference == 0
  }

  static func == (a: Digest, b: Digest) -> Bool { a.isEqualInConstantTime(to: b) }

  /// A digest is its own hash.
  func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
