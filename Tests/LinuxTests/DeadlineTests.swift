import Linux
import Testing

@Suite struct DeadlineTests {
  @Test func aDurationTooLargeForTheClockIsTheEndOfTime() {
    #expect(Deadline.after(seconds: 1e300) == .distantFuture)
    #expect(Deadline.after(seconds: .infinity) == .distantFuture)
  }

  @Test func wallTimeIsPrintedInUTC() {
    #expect(WallTime(seconds: 0).rfc3339 == "1970-01-01T00:00:00.000Z")
    #expect(WallTime(seconds: 1_795_500_633.1239).rfc3339 == "2026-11-24T06:10:33.123Z")
  }
}
