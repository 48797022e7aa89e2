import CLinux
import CMicroHTTPDHooks
import Glibc
import Linux
import Testing

@testable import HTTP

/// What holds responses back, on sockets without a server.
@Suite(.serialized) struct HoldingTests {
  private let pair: (ours: CInt, theirs: CInt)

  init() throws {
    var sockets: [CInt] = [0, 0]
    try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &sockets) == 0)
    pair = (sockets[0], sockets[1])
  }

  /// In a busy turn of this thread's.
  private func whileBusy(_ body: () -> Void) {
    cmhd_start_holding()
    for _ in 0..<4 { #expect(!cmhd_is_busy()) }
    cmhd_end_turn()
    #expect(cmhd_is_busy())
    body()
    cmhd_stop_holding()
    close(pair.ours)
    close(pair.theirs)
  }

  private func said() -> String? {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = recv(pair.theirs, &bytes, bytes.count, CInt(MSG_DONTWAIT))
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }

  private func say(_ text: String) { #expect(Glibc.send(pair.ours, text, text.utf8.count, 0) == text.utf8.count) }

  @Test func whatIsHeldBackIsSentInOrder() {
    whileBusy {
      #expect(cmhd_hold(pair.ours, 100, false))
      say("one")
      #expect(said() == nil)
      #expect(cmhd_is_held(pair.ours))
      say("two")
      #expect(said() == "onetwo")
      #expect(cmhd_send_held() == 0)
      #expect(said() == nil)
      cmhd_forget_held()
      #expect(!cmhd_is_held(pair.ours))
    }
  }

  @Test func whatTheKernelDoesNotTakeIsLost() {
    whileBusy {
      #expect(cmhd_hold(pair.ours, 100, false))
      say("one")
      close(pair.theirs)
      #expect(cmhd_send_held() == 1)
      #expect(cmhd_is_lost(pair.ours))
    }
  }

  @Test(arguments: [true, false]) func whoeverHasGoneIsSentNothingThatMatters(_ matters: Bool) {
    whileBusy {
      #expect(cmhd_hold(pair.ours, 100, matters))
      say("one")
      shutdown(pair.theirs, CInt(SHUT_WR))
      #expect(cmhd_send_held() == (matters ? 1 : 0))
      #expect(cmhd_is_lost(pair.ours) == matters)
      #expect(said() == (matters ? "" : "one"))
    }
  }

  @Test func aSocketThatIsShutDownGetsItFirst() {
    whileBusy {
      #expect(cmhd_hold(pair.ours, 100, true))
      say("one")
      shutdown(pair.ours, CInt(SHUT_WR))
      #expect(said() == "one")
      #expect(said() == "")
      #expect(cmhd_send_held() == 0)
    }
  }

  /// A socket that was not ready when its turn came.
  @Test func whatIsSentLaterIsHeldBackLater() {
    whileBusy {
      #expect(cmhd_hold(pair.ours, 100, true))
      #expect(cmhd_send_held() == 0)
      cmhd_forget_held()
      cmhd_end_turn()
      say("one")
      #expect(said() == nil)
      #expect(cmhd_is_held(pair.ours))
      shutdown(pair.theirs, CInt(SHUT_WR))
      #expect(cmhd_send_held() == 1)
      #expect(cmhd_is_lost(pair.ours))
      cmhd_forget_held()
      // The next connection by that number has nothing to do with it.
      #expect(cmhd_hold(pair.ours, 100, true))
      cmhd_forget_socket(pair.ours)
      #expect(Glibc.send(pair.ours, "x", 1, CInt(MSG_NOSIGNAL)) == -1)
      #expect(!cmhd_is_held(pair.ours))
    }
  }

  @Test func whatHasNoRoomAfterAllIsAskedForAtOnce() {
    whileBusy {
      #expect(cmhd_hold(pair.ours, 100, true))
      shutdown(pair.theirs, CInt(SHUT_WR))
      let much = [UInt8](repeating: 0, count: 100_000)
      #expect(Glibc.send(pair.ours, much, much.count, CInt(MSG_DONTWAIT)) == -1)
      #expect(said() == nil)
    }
  }

  @Test func longHeadsHaveRoomToo() {
    whileBusy {
      let response = [UInt8](repeating: 0, count: 16384 + 2048)
      var count = 0
      while cmhd_hold(pair.ours, 2048, true) {
        count += 1
        #expect(Glibc.send(pair.ours, response, response.count, CInt(MSG_DONTWAIT)) == response.count)
        #expect(said() == nil)
      }
      #expect(count == 5)
      cmhd_forget_held()
    }
  }

  @Test func thereIsRoomForSoManyAndNoMore() {
    whileBusy {
      for _ in 0..<64 {
        #expect(cmhd_hold(pair.ours, 100, false))
        say("x")
      }
      #expect(!cmhd_hold(pair.ours, 100, false))
      #expect(cmhd_send_held() == 0)
      #expect(said() == String(repeating: "x", count: 64))
      cmhd_forget_held()
      #expect(!cmhd_hold(pair.ours, 100_000, false))
      #expect(cmhd_hold(pair.ours, 2048, false))
    }
  }

  @Test func aSocketIsDrainedWhenTheOtherKernelHasAll() throws {
    let listener = try Listener(.tcp(host: "127.0.0.1", port: 0))
    let client = try RawClient(listener.address)
    let ours = try system("accept") { accept(listener.fd, nil, nil) }
    defer {
      close(ours)
      listener.close()
    }
    let some = [UInt8](repeating: 0, count: 4096)
    #expect(cmhd_is_drained(ours))
    while Glibc.send(ours, some, some.count, CInt(MSG_DONTWAIT)) > 0 {}
    #expect(!cmhd_is_drained(ours))
    shutdown(ours, CInt(SHUT_WR))
    #expect(client.isClosed(within: 10))
    #expect(eventually { cmhd_is_drained(ours) })
  }
}
