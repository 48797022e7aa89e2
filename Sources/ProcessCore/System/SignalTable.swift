import CLinux

/// A signal of this machine.
public struct Signal: Hashable, Sendable {
  public enum Action: String, Sendable, CaseIterable { case terminate, core, ignore, stop, `continue` }

  public let number: CInt
  /// As `kill -l` has it: `SIGTERM`, `SIGRTMIN+3`.
  public let name: String
  /// What it does to a process that has not chosen otherwise.
  public let action: Action
  public let meaning: String
  /// Whether a process may choose otherwise.
  public var isCatchable: Bool { name != "SIGKILL" && name != "SIGSTOP" }
}

/// Every signal that may be sent, by number. Libc's own (32 and 33) are not among them.
public enum SignalTable {
  public static let all = standard + realTime

  public static func signal(_ number: CInt) -> Signal? { byNumber[number] }

  /// By name, with or without `SIG` and in any letter case, or by number, in decimal digits.
  public static func find(_ text: String) -> Signal? {
    if let first = text.utf8.first, UInt8(ascii: "0")...UInt8(ascii: "9") ~= first { return CInt(text).flatMap(signal) }
    let upper = text.uppercased()
    let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
    return byName[name]
  }

  private static let byNumber = Dictionary(uniqueKeysWithValues: all.map { ($0.number, $0) })

  private static let byName: [String: Signal] = {
    var names = Dictionary(uniqueKeysWithValues: all.map { (String($0.name.dropFirst(3)), $0) })
    for (alias, name) in [("IOT", "ABRT"), ("CLD", "CHLD"), ("POLL", "IO")] { names[alias] = names[name] }
    // Every real-time signal can be counted from either end.
    for signal in realTime {
      names["RTMIN+\(signal.number - clinux_sigrtmin())"] = signal
      names["RTMAX-\(clinux_sigrtmax() - signal.number)"] = signal
    }
    return names
  }()

  private static let realTime: [Signal] = {
    let (first, last) = (clinux_sigrtmin(), clinux_sigrtmax())
    return (first...last).map { number in
      let name =
        switch number {
        case first: "SIGRTMIN"
        case last: "SIGRTMAX"
        case ...((first + last) / 2): "SIGRTMIN+\(number - first)"
        default: "SIGRTMAX-\(last - number)"
        }
      return Signal(number: number, name: name, action: .terminate, meaning: "Real-time signal, for applications")
    }
  }()

  private static let standard: [Signal] = [
    Signal(number: 1, name: "SIGHUP", action: .terminate, meaning: "Hangup of the terminal"),
    Signal(number: 2, name: "SIGINT", action: .terminate, meaning: "Interrupt from the keyboard"),
    Signal(number: 3, name: "SIGQUIT", action: .core, meaning: "Quit from the keyboard"),
    Signal(number: 4, name: "SIGILL", action: .core, meaning: "Illegal instruction"),
    Signal(number: 5, name: "SIGTRAP", action: .core, meaning: "Trace or breakpoint trap"),
    Signal(number: 6, name: "SIGABRT", action: .core, meaning: "Abort"),
    Signal(number: 7, name: "SIGBUS", action: .core, meaning: "Bad memory access: no such page of the object"),
    Signal(number: 8, name: "SIGFPE", action: .core, meaning: "Arithmetic error, as a division by zero"),
    Signal(number: 9, name: "SIGKILL", action: .terminate, meaning: "Kill"),
    Signal(number: 10, name: "SIGUSR1", action: .terminate, meaning: "For applications"),
    Signal(number: 11, name: "SIGSEGV", action: .core, meaning: "Bad memory access: no such address"),
    Signal(number: 12, name: "SIGUSR2", action: .terminate, meaning: "For applications"),
    Signal(number: 13, name: "SIGPIPE", action: .terminate, meaning: "Write to a pipe that nobody reads"),
    Signal(number: 14, name: "SIGALRM", action: .terminate, meaning: "Alarm"),
    Signal(number: 15, name: "SIGTERM", action: .terminate, meaning: "Request to terminate"),
    Signal(number: 16, name: "SIGSTKFLT", action: .terminate, meaning: "Stack fault of a coprocessor; unused"),
    Signal(number: 17, name: "SIGCHLD", action: .ignore, meaning: "A child has ended, stopped or continued"),
    Signal(number: 18, name: "SIGCONT", action: .continue, meaning: "Continue if stopped"),
    Signal(number: 19, name: "SIGSTOP", action: .stop, meaning: "Stop"),
    Signal(number: 20, name: "SIGTSTP", action: .stop, meaning: "Stop from the keyboard"),
    Signal(number: 21, name: "SIGTTIN", action: .stop, meaning: "Read from the terminal in the background"),
    Signal(number: 22, name: "SIGTTOU", action: .stop, meaning: "Write to the terminal in the background"),
    Signal(number: 23, name: "SIGURG", action: .ignore, meaning: "Urgent data on a socket"),
    Signal(number: 24, name: "SIGXCPU", action: .core, meaning: "Limit of CPU time exceeded"),
    Signal(number: 25, name: "SIGXFSZ", action: .core, meaning: "Limit of file size exceeded"),
    Signal(number: 26, name: "SIGVTALRM", action: .terminate, meaning: "Timer of the process's own time"),
    Signal(number: 27, name: "SIGPROF", action: .terminate, meaning: "Timer for profiling"),
    Signal(number: 28, name: "SIGWINCH", action: .ignore, meaning: "The terminal's size has changed"),
    Signal(number: 29, name: "SIGIO", action: .terminate, meaning: "A descriptor is ready"),
    Signal(number: 30, name: "SIGPWR", action: .terminate, meaning: "Power failure"),
    Signal(number: 31, name: "SIGSYS", action: .core, meaning: "Bad system call"),
  ]
}
