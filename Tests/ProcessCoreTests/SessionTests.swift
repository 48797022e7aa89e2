import Linux
import Testing

@testable import ProcessCore

@Suite struct SessionTests {
  let test = CommonsUnderTest()

  /// Rings for as long as it takes.
  private func eventuallyEnds(_ session: Session, within seconds: Double = 10) -> Bool {
    eventually(within: seconds) {
      _ = test.alarms.ringDue(at: .now)
      return test.commons.sessions.registry.find(session.name.text) == nil
    }
  }

  @Test func aSessionThatNobodyRenewsEnds() throws {
    let session = try test.session(ttl: 0.1)
    let lock = try test.lock()
    _ = try lock.acquire(session)
    let start = Deadline.now
    #expect(eventuallyEnds(session))
    #expect(Double(Deadline.now.nanoseconds - start.nanoseconds) / 1e9 >= 0.09)
    #expect(try lock.acquire(until: .now).value?.isAbandoned == true)
    #expect(kind { try session.touch() } == .sessionEnded)
    #expect(test.alarms.count == 0)
  }

  @Test func touchRenewsIt() throws {
    let session = try test.session(ttl: 0.2)
    let start = Deadline.now
    while Deadline.now < start.advanced(seconds: 0.5) {
      try session.touch()
      _ = test.alarms.ringDue(at: .now)
    }
    #expect(try #require(session.secondsLeft) > 0.1)
    #expect(eventuallyEnds(session))
    #expect(Deadline.now > start.advanced(seconds: 0.65))
  }

  @Test func aParkedWaitRenewsItForAsLongAsItLasts() throws {
    let session = try test.session(ttl: 0.1)
    let event = try test.event()
    let call = try event.wait(session)
    #expect(!eventuallyEnds(session, within: 0.4), "it waits")
    #expect(session.waiterCount == 1)
    let start = Deadline.now
    event.set()
    #expect(call.value != nil)
    #expect(eventuallyEnds(session))
    #expect(Deadline.now > start.advanced(seconds: 0.09), "the end of a wait is a use too")
  }

  @Test func withoutATtlItStays() throws {
    let session = try test.session()
    #expect(session.secondsLeft == nil && test.alarms.count == 0)
    test.ring(within: 1e6)
    try session.touch()
  }

  @Test func itsEndFailsItsCallsBeforeItLetsGo() throws {
    let session = try test.session(), other = try test.session()
    let semaphore = try test.semaphore(1), lock = try test.lock(reentrant: true), event = try test.event()
    _ = try semaphore.acquire(session)
    _ = try lock.acquire(session)
    let own = [try semaphore.acquire(session), try semaphore.acquire(session)]
    let waiting = try event.wait(session)
    let next = try semaphore.acquire(other), locked = try lock.acquire(other)
    #expect(session.heldCount == 2 && session.waiterCount == 3)
    try test.end(session)
    #expect(own.allSatisfy { $0.failure == .sessionEnded } && waiting.failure == .sessionEnded)
    #expect(next.value?.isAbandoned == true && locked.value?.isAbandoned == true)
    #expect(session.heldCount == 0 && session.waiterCount == 0)
    #expect(kind { try test.end(session) } == .notFound)
  }

  @Test func itEndsWithItsProcess() throws {
    let process = try #require(Name("worker"))
    let running = Running()
    #expect(
      kind { _ = try test.commons.sessions.create(nil, .init(process: process), in: test.commons) }
        == .invalid(pointer: "/process"))
    #expect(test.commons.sessions.registry.count == 0, "nothing is left of it")
    let own = try test.commons.beginSessions(of: process, running)
    let more = try test.commons.sessions.create(nil, .init(ttl: 60, process: process), in: test.commons)
    let early = try test.commons.sessions.create(nil, .init(process: process), in: test.commons)
    try test.end(early)
    let lock = try test.lock()
    _ = try lock.acquire(own)
    test.commons.endSessions(of: process, running)
    #expect(kind { try own.check() } == .sessionEnded && kind { try more.check() } == .sessionEnded)
    #expect(!lock.snapshot.isLocked && test.alarms.count == 0)
    #expect(test.commons.bound.withLock { $0.isEmpty })
  }

  /// As when a pool is made anew while the workers of the one before still end.
  @Test func theEndOfOneOfTheSameNameIsNoneOfItsBusiness() throws {
    let name = try #require(Name("worker"))
    let (old, new) = (Running(), Running())
    let first = try test.commons.beginSessions(of: name, old)
    let second = try test.commons.beginSessions(of: name, new)
    let more = try test.commons.sessions.create(nil, .init(process: name), in: test.commons)
    test.commons.endSessions(of: name, old)
    #expect(kind { try first.check() } == .sessionEnded)
    try second.check()
    try more.check()
    let late = try test.commons.sessions.create(nil, .init(process: name), in: test.commons)
    test.commons.endSessions(of: name, new)
    for session in [second, more, late] { #expect(kind { try session.check() } == .sessionEnded) }
    #expect(test.commons.bound.withLock { $0.isEmpty })
  }

  @Test func aProcessHasASessionThatEndsWithIt() throws {
    let test = try ManagerUnderTest()
    let process = try test.sh("echo $PROCESSION_SESSION; read line") { $0.stdin = .pipe }
    let name = try #require(process.snapshot.session)
    let session = try #require(test.manager.commons.sessions.registry.find(name.text))
    let lock = try test.manager.commons.locks.create(nil, .init(), in: test.manager.commons)
    _ = try lock.acquire(session)
    #expect(eventually { process.outputRange(.stdout).end > 0 })
    try process.kill()
    #expect(try process.wholeOutput() == name.text + "\n")
    #expect(!lock.snapshot.isLocked, "whoever is told of the end finds it free")
    #expect(process.snapshot.session == nil)
    #expect(test.manager.commons.sessions.registry.count == 0)
  }

  @Test func aStartThatFailsLeavesNoSession() throws {
    let test = try ManagerUnderTest()
    var template = ProcessTemplate()
    template.command = ["/no/such/file"]
    let process = try test.manager.create(nil, template)
    for _ in 0..<3 {
      let told = Told<Result<ProcessSnapshot, CoreError>>()
      try process.start(then: told.tell)
      #expect(told.reached(1))
      #expect(process.snapshot.session == nil)
    }
    #expect(test.manager.commons.sessions.registry.count == 0)
    #expect(test.manager.commons.bound.withLock { $0.isEmpty })
  }

  @Test func thereIsAQuota() throws {
    let test = CommonsUnderTest(limit: 2)
    let first = try test.session()
    _ = try test.session()
    #expect(kind { _ = try test.session() } == .quota)
    try test.end(first)
    _ = try test.session()
  }

  /// Several programs begin at once and want the same.
  @Test func putMakesOneForAllWhoWantIt() throws {
    let name = try #require(Name("shared"))
    for _ in 0..<200 {
      let made = Told<Bool>()
      let threads = try (0..<4).map { _ in
        try Thread("maker") {
          if let found = try? test.commons.conditions.createOrSame(name, .init(), in: test.commons) {
            made.tell(found.isNew)
          }
        }
      }
      for thread in threads { thread.join() }
      #expect(made.all.count == 4 && made.all.filter { $0 }.count == 1)
      try test.commons.conditions.delete(try #require(test.commons.conditions.registry.find("shared")))
    }
  }
}

/// Stands for a process.
private final class Running {}
