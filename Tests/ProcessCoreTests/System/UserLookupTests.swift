import Glibc
import ProcessCore
import Testing

@Suite struct UserLookupTests {
  @Test func aUserIsFoundByNameOrNumber() throws {
    let nobody = try UserLookup.find("nobody")
    #expect(nobody.identity == Identity(uid: 65534, gid: 65534, groups: [65534]))
    #expect(nobody.name == "nobody" && nobody.home == "/nonexistent")
    #expect(try UserLookup.find("65534") == nobody)
    #expect(try UserLookup.find("root").identity.uid == 0)
  }

  @Test func aGroupMayBeGiven() throws {
    #expect(try UserLookup.find("nobody:daemon").identity == Identity(uid: 65534, gid: 1, groups: [1]))
    #expect(try UserLookup.find("nobody:4242").identity == Identity(uid: 65534, gid: 4242, groups: [4242]))
    let number = try UserLookup.find("54321:4242")
    #expect(number.identity == Identity(uid: 54321, gid: 4242, groups: [4242]) && number.name == nil)
  }

  @Test func whoIsUnknownIsRefused() {
    #expect(throws: UserLookup.Failure.unknownUser("no-such")) { try UserLookup.find("no-such") }
    #expect(throws: UserLookup.Failure.unknownUser("")) { try UserLookup.find("") }
    #expect(throws: UserLookup.Failure.unknownUser("-1")) { try UserLookup.find("-1") }
    #expect(throws: UserLookup.Failure.unknownUser("root\0")) { try UserLookup.find("root\0") }
    #expect(throws: UserLookup.Failure.unknownUser("4294967295")) { try UserLookup.find("4294967295:0") }
    #expect(throws: UserLookup.Failure.unknownGroup("no-such")) { try UserLookup.find("root:no-such") }
    #expect(throws: UserLookup.Failure.unknownGroup("4294967295")) { try UserLookup.find("root:4294967295") }
    #expect(throws: UserLookup.Failure.unknownGroup("")) { try UserLookup.find("root:") }
    #expect(throws: UserLookup.Failure.noGroup("54321")) { try UserLookup.find("54321") }
  }

  @Test func manyMayLookAtOnce() throws {
    try withThreads(named: "lookup", count: 4) { _ in
      for _ in 0..<200 { #expect((try? UserLookup.find("nobody:daemon").identity.gid) == 1) }
    }
  }
}
