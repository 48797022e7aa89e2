import Linux

import CGnuTLS
import CMicroHTTPD
import Glibc

/// The bearer tokens that are let in, as SHA-256 digests. Any thread may use it.
///
/// Of the tokens themselves the few that were presented last are kept, since a digest costs as much as the rest of the
/// gate. While it is empty no token is right.
public final class Tokens: Sendable {
  /// One that was added: all that it takes to remove it.
  public struct Issued: Sendable {
    fileprivate let digest: Digest
  }

  private struct State {
    var callers: [Digest: Caller] = [:]
    var recent = RecentTokens()
  }

  private let state = Linux.Mutex(State())
  /// How often it was changed: what was decided before a change counts no more.
  let changes = Atomic<UInt64>(0)

  public init() {}

  @discardableResult
  public func add(_ token: String, for caller: Caller) -> Issued {
    let digest = Digest(token)
    state.withLock {
      $0.callers[digest] = caller
      $0.recent = RecentTokens()
    }
    changes.add(1, ordering: .acquiringAndReleasing)
    return Issued(digest: digest)
  }

  public func remove(_ token: Issued) {
    state.withLock {
      $0.callers.removeValue(forKey: token.digest)
      $0.recent = RecentTokens()
    }
    changes.add(1, ordering: .acquiringAndReleasing)
  }

  /// Whose token it is, nil when it is nobody's.
  public func caller(presenting token: UnsafeRawBufferPointer) -> Caller? {
    let text = ShortToken(token)
    if let text, let caller = state.withLock({ $0.recent.caller(presenting: text) }) { return caller }
    let presented = Digest(token)
    return state.withLock { state in
      guard let index = state.callers.index(forKey: presented) else { return nil }
      let (digest, caller) = state.callers[index]
      guard digest.isEqualInConstantTime(to: presented) else { return nil }
      if let text { state.recent.note(text, caller) }
      return caller
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
private struct Digest: Hashable, Sendable {
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
