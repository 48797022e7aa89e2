import Testing

@testable import HTTP

@Suite struct TokensTests {
  private func caller(_ tokens: Tokens, _ token: String) -> Caller? {
    Array(token.utf8).withUnsafeBytes { tokens.caller(presenting: $0) }
  }

  @Test func aTokenIsItsCallersUntilItIsRemoved() {
    let tokens = Tokens()
    // More than are kept as they are, so that some are in the place of others.
    let issued = (0..<40).map { number in
      let token = Tokens.make()
      return (token, tokens.add(token, for: .bearer(subject: "\(number)")))
    }
    for _ in 0..<2 {
      for (number, (token, _)) in issued.enumerated() {
        #expect(caller(tokens, token) == .bearer(subject: "\(number)"))
        #expect(caller(tokens, token) == .bearer(subject: "\(number)"))
      }
    }
    tokens.remove(issued[39].1)
    #expect(caller(tokens, issued[39].0) == nil)
    #expect(caller(tokens, issued[38].0) == .bearer(subject: "38"))
  }

  @Test func whatIsNotWholeIsNobodys() {
    let tokens = Tokens()
    let token = Tokens.make()
    tokens.add(token, for: .operator)
    #expect(caller(tokens, token) == .operator)
    #expect(caller(tokens, String(token.dropLast())) == nil)
    #expect(caller(tokens, token + "\0") == nil)
    #expect(caller(tokens, token + "A") == nil)
    #expect(caller(tokens, token.uppercased()) == nil)
    #expect(caller(tokens, "") == nil)
  }

  @Test func aLongTokenIsATokenToo() {
    let tokens = Tokens()
    let token = String(repeating: "0123456789", count: 20)
    tokens.add(token, for: .operator)
    for _ in 0..<2 {
      #expect(caller(tokens, token) == .operator)
      #expect(caller(tokens, token.dropLast() + "x") == nil)
    }
  }
}
