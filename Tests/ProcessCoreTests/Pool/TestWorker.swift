import Linux

@testable import ProcessCore

/// The worker protocol with words instead of JSON, and a worker in Perl that speaks it: heads are words, a result's lines
/// begin with `v` or `e`.
struct TestCodec: WorkerCodec {
  let pythonProgram = ""

  func hello(_ settings: Pool.Settings, pool: Name, worker: Name) -> (head: Bytes, body: Bytes) {
    (Bytes("hello \(worker) \(settings.initializer ?? "-")"), Bytes(settings.initargs ?? ""))
  }

  func task(_ id: UInt64, _ call: ProcessCore.Call, items: Range<Int>) -> Bytes {
    Bytes("task \(id) \(call.operation.rawValue) \(call.function) \(call.stopsOnError ? 1 : 0)")
  }

  func cancel(_ id: UInt64) -> Bytes { Bytes("cancel \(id)") }
  let exit = Bytes("exit")

  func message(_ head: UnsafeRawBufferPointer) -> WorkerMessage? {
    let words = String(decoding: head, as: UTF8.self).split(separator: " ")
    let id = words.dropFirst().first.flatMap { UInt64($0) }
    switch words.first {
    case "ready": return .ready(version: 1)
    case "failed": return .failed
    case "result": return id.map { .result($0, next: nil, isArray: false) }
    case "progress": return id.map { .progress($0) }
    default: return nil
    }
  }

  func lines(_ body: UnsafeRawBufferPointer) -> [ResultLine]? {
    var lines: [ResultLine] = []
    var start = 0
    for end in body.indices where body[end] == UInt8(ascii: "\n") {
      guard end > start else { return nil }
      lines.append(ResultLine(isError: body[start] == UInt8(ascii: "e"), line: start..<end, value: start + 1..<end))
      start = end + 1
    }
    return lines
  }

  func values(_ body: UnsafeRawBufferPointer) -> [Range<Int>]? { nil }
  func isValue(_ body: UnsafeRawBufferPointer) -> Bool { true }

  func command(_ call: ProcessCore.Call, _ body: [ByteSlice]) -> ExecCommand? {
    ExecCommand(command: [call.function] + body.map(\.text), stdin: nil, timeout: nil)
  }

  func line(_ result: ExecResult) -> Bytes { Bytes(#"{"value":\#(result.exitcode)\#(result.stdout.text)}"#) }
  func error(_ error: CoreError) -> String { error.detail }

  static let worker = [
    "/usr/bin/perl", "-e",
    #"""
    use POSIX ();
    open(my $s, '+<&=', 3) or die;
    sub rd {
      my ($n, $b) = (shift, '');
      while (length $b < $n) { sysread($s, $b, $n - length $b, length $b) or exit 0 }
      $b
    }
    sub get { my ($h, $b) = unpack 'NN', rd(8); (rd($h), $b ? rd($b) : '') }
    sub put {
      my ($h, $b) = @_;
      my ($d, $o) = (pack('NN', length $h, length $b) . $h . $b, 0);
      while ($o < length $d) { $o += syswrite($s, $d, length($d) - $o, $o) or die }
    }
    sub nap { select undef, undef, undef, shift }
    my %calls = (
      echo => sub { "v$_[0]" }, fail => sub { "e$_[0]" }, pid => sub { "v$$" },
      sleep => sub { nap($_[0]); "v$_[0]" }, kill => sub { kill 9, $$; nap(9) }, exit => sub { POSIX::_exit($_[0]) },
      big => sub { 'v' . 'x' x $_[0] }, nonsense => sub { put('nonsense', ''); nap(9) },
      stubborn => sub { $SIG{TERM} = 'IGNORE'; nap($_[0]); 'v' },
      killat => sub { my ($x, $y) = split /:/, $_[0]; kill 9, $$ if $x == $y; nap(9) if $x == $y; "v$x" },
      once => sub { if (-e $_[0]) { return "v$_[0]" } open(my $f, '>', $_[0]); close $f; kill 9, $$; nap(9) },
      half => sub { syswrite($s, pack('NN', 8, 1000) . "result 1" . 'vhalf'); kill 9, $$; nap(9) },
    );
    my ($head) = get();
    my $init = (split ' ', $head)[2];
    if ($init eq 'fail') { put('failed', 'why'); exit 1 }
    if ($init eq 'kill') { kill 9, $$; nap(9) }
    put('ready 1', '');
    while (1) {
      my ($h, $b) = get();
      my (undef, $id, $op, $f, $stop) = split ' ', $h;
      exit 0 if $h eq 'exit';
      next if $h =~ /^cancel/;
      my $out = '';
      for my $x ($op eq 'apply' ? $b : split /,/, substr($b, 1, -1)) {
        my $line = $calls{$f}->($x);
        $out .= "$line\n";
        last if $stop && $line =~ /^e/;
      }
      put("result $id", $out);
    }
    """#,
  ]
}

/// A manager with pools of such workers.
final class PoolsUnderTest {
  let under: ManagerUnderTest
  var commons: Commons { under.manager.commons }

  init(_ options: ProcessOptions = ProcessOptions(), hostsChannels: Bool = false) throws {
    under = try ManagerUnderTest(options, hostsChannels: hostsChannels)
    under.manager.connect(TestCodec())
  }

  /// Makes a pool and waits until it runs.
  func make(_ processes: Int = 2, _ change: (inout Pool.Settings) -> Void = { _ in }) throws -> Pool {
    var settings = Pool.Settings(processes: processes, worker: .command(TestCodec.worker))
    change(&settings)
    let pool = try commons.pools.create(nil, settings, in: commons)
    _ = try outcome { try pool.whenRunning(until: nil, orPark: $0) }
    return pool
  }
}

/// Waits for what becomes of an attempt; what it failed with is thrown.
func outcome<T>(
  within seconds: Double = 20, _ attempt: (_ orPark: () -> Completion<T>) throws -> Attempted<T>
) throws -> T {
  let told = Told<Outcome<T>>()
  switch try attempt({ told.tell }) {
  case .done(let value): return value
  case .timedOut: throw CoreError(.stillRunning, "it did not happen in time")
  case .parked: break
  }
  guard told.reached(1, within: seconds) else { throw CoreError(.stillRunning, "it did not happen in time") }
  switch told.all[0] {
  case .value(let value): return value
  case .failed(let error): throw error
  case .timedOut, .hungUp: throw CoreError(.stillRunning, "it did not happen in time")
  }
}

extension Pool {
  func call(_ function: String, _ argument: String = "", _ change: (inout ProcessCore.Call) -> Void = { _ in }) throws
    -> Job
  {
    var call = ProcessCore.Call(.apply, function, json: ByteSlice(Bytes(function)))
    change(&call)
    return try submit(call, .call([ByteSlice(Bytes(argument))]), listed: true)
  }

  func map(
    _ function: String, _ items: [String], chunk: Int? = nil, _ change: (inout ProcessCore.Call) -> Void = { _ in }
  ) throws -> Job {
    var call = ProcessCore.Call(.map, function, json: ByteSlice(Bytes(function)))
    change(&call)
    return try submit(call, .items(ItemList(items), chunk: chunk), listed: true)
  }

  func join(within seconds: Double = 20) throws {
    try outcome(within: seconds) { try join(until: nil, orPark: $0) }
  }

  var pids: Set<CInt> { Set(workers.compactMap(\.pid)) }
}

extension ItemList {
  init(_ items: [String]) {
    self.init(Bytes(items.joined(separator: ",")))
    var at = 0
    for item in items {
      append(at..<at + item.utf8.count)
      at += item.utf8.count + 1
    }
  }
}

extension Job {
  func result(within seconds: Double = 20) throws -> JobResult {
    try outcome(within: seconds) { try get(until: nil, orPark: $0) }
  }

  func value() throws -> String {
    guard case .value(let value) = try result() else { return "no value" }
    return value.text
  }

  /// The values as they would stand in an array.
  func values() throws -> String {
    guard case .values(let list, _) = try result() else { return "no list" }
    return list.joined(prefix: "", suffix: []).text
  }

  func failures() throws -> [Int] {
    guard case .values(_, let failures) = try result() else { return [] }
    return failures.map(\.items.lowerBound)
  }
}
